// Brings the gateways that the tests run: `npm run gateways:install`. What a machine cannot have is said, and no failure:
// its tests are skipped.

import { relative } from 'node:path'
import { programs } from './programs/index.ts'
import type { Program } from './support/program.ts'

async function lineOf(program: Program): Promise<string> {
  try {
    await program.install()
    const binary = program.find()
    if (binary === undefined) throw new Error('its executable is not where it should be')
    return `${program.title} ${program.version} is here: ${relative(process.cwd(), binary)}`
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return `${program.title} ${program.version} cannot be installed on this machine: ${why.replaceAll('\n', ' ')}`
  }
}

// At the same time: they come from different places, and those that do not wait for one another by themselves.
await Promise.all(programs.map(async (program) => console.log(await lineOf(program))))
