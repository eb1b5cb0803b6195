// Brings the gateways that the tests run: `npm run gateways:install`, with `-- --all` or `-- NAME...` for those that are
// too large for every installation. What a machine cannot have is said, and no failure: its tests are skipped.

import { relative } from 'node:path'
import { Argument, Command } from 'commander'
import { othersForDoctor, programs as withPages } from './programs/index.ts'
import type { Program } from './support/program.ts'

const programs = [...withPages, ...othersForDoctor]

const asked = new Command('gateways:install')
  .description('Brings real gateways into test/gateways/.installed, for the tests and for `npm run gateways`.')
  .addArgument(new Argument('[name...]', 'these alone').choices(programs.map(({ name }) => name)))
  .option('--all', 'the large ones too')
  .parse()
const { all = false } = asked.opts<{ readonly all?: true }>()

const isAsked = ({ name, onlyOnDemand }: Program): boolean =>
  asked.args.length > 0 ? asked.args.includes(name) : all || onlyOnDemand === undefined

async function lineOf(program: Program): Promise<string> {
  const { title, version, name, onlyOnDemand } = program
  if (!isAsked(program) && program.find() === undefined) {
    return `${title} ${version} is left out (${onlyOnDemand ?? 'not asked for'}). For it: npm run gateways:install -- ${name}`
  }
  try {
    await program.install()
    const binary = program.find()
    if (binary === undefined) throw new Error('its executable is not where it should be')
    return `${title} ${version} is here: ${relative(process.cwd(), binary)}`
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return `${title} ${version} cannot be installed on this machine: ${why.replaceAll('\n', ' ')}`
  }
}

// At the same time: they come from different places, and those that do not wait for one another by themselves.
await Promise.all(programs.map(async (program) => console.log(await lineOf(program))))
