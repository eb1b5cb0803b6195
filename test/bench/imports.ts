import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { median, shuffle } from 'simple-statistics'
import { type Estimate, ratioOf } from './stats.ts'

const run = promisify(execFile)
const here = fileURLToPath(new URL('.', import.meta.url))

export interface Imports {
  /** What importing "." costs, as a share of importing openai. */
  readonly share: Estimate
  readonly oursMs: number
  readonly openaiMs: number
}

/** Each import in a fresh process, in turns, since only the first one of a process costs anything. */
export async function imports(pairs: number): Promise<Imports> {
  const ours: number[] = []
  const openai: number[] = []
  for (let pair = 0; pair < pairs; pair++) {
    for (const [name, times] of shuffle([
      ['llm-affinity', ours],
      ['openai', openai],
    ] as const)) {
      times.push(await importing(name))
    }
  }
  return { share: ratioOf(ours, openai), oursMs: median(ours), openaiMs: median(openai) }
}

// CPU time of the whole process from the import on: other users of the machine are not in it. The import before it
// starts the loader, which every program with an import pays for, whatever it imports.
async function importing(name: string): Promise<number> {
  const script = `
    await import('node:path')
    const from = process.cpuUsage()
    await import(${JSON.stringify(name)})
    const { user, system } = process.cpuUsage(from)
    process.stdout.write(String((user + system) / 1000))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: here })
  return Number(stdout)
}
