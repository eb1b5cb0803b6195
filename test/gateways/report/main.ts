// Has the same conversations through every gateway that is installed, and shows where they went.
//
//   node test/gateways/report/main.ts [--json] [--only NAME...] [--conversations N] [--turns N]

import { Command, InvalidArgumentError, Option } from 'commander'
import { progress } from '../../../examples/demo/progress.ts'
import { programs } from '../programs/index.ts'
import { type Found, isWell, measure } from './measure.ts'
import { callsOf } from './play.ts'
import { asJson, asText } from './table.ts'

interface Options {
  readonly json?: true
  readonly only?: readonly string[]
  readonly conversations: number
  readonly turns: number
}

const { json, only, ...traffic } = new Command('gateways')
  .description('Has conversations through the real gateways that are installed, stamped and not, and compares.')
  .option('--json', 'print one line of JSON with the figures, and nothing else')
  .addOption(new Option('--only <name...>', 'these gateways alone').choices(programs.map(({ name }) => name)))
  .option('--conversations <n>', 'conversations at once', number, 20)
  .option('--turns <n>', 'turns of each', number, 6)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse()
  .opts<Options>()

// By an exit of our own, so that the gateways are ended too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const found: Found[] = []
for (const program of programs.filter(({ name }) => only?.includes(name) ?? true)) {
  if (program.find() === undefined) {
    process.stderr.write(`${program.title} is not installed\n`)
    continue
  }
  const bar = progress(program.title, 2 * callsOf(traffic))
  found.push(await measure(program, traffic, bar.step))
  bar.done()
}
console.log(json ? asJson(found) : asText(found))
process.exitCode = isWell(found) ? 0 : 1

function number(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Expected a whole number from 1 to 99.')
}
