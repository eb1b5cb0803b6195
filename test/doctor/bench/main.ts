// The doctor against simulated gateways: how often its verdict is right.
//
//   node test/doctor/bench/main.ts [--runs N] [--only REGEXP] [--verbose] [--json] [--write]

import { cpus } from 'node:os'
import Table from 'cli-table3'
import { Command, InvalidArgumentError } from 'commander'
import pLimit from 'p-limit'
import { median, quantile } from 'simple-statistics'
import { type BenchRun, runSetup, summaryOf } from './bench.ts'
import { writeBench } from './page.ts'
import { benchSetups } from './setups.ts'

interface Options {
  readonly runs: number
  readonly only?: RegExp
  readonly json?: true
  readonly verbose?: true
  readonly write?: true
}

const { runs, only, json, verbose, write } = new Command('doctor:bench')
  .description('The doctor against simulated gateways: how often its verdict is right.')
  .option('--runs <n>', 'runs of each set-up', whole, 3)
  .option('--only <regexp>', 'only the set-ups whose title matches', (text) => new RegExp(text))
  .option('--verbose', 'print the reasons of wrong verdicts')
  .option('--write', 'write the table of docs/proof.md')
  .option('--json', 'end with one line for programs')
  .parse()
  .opts<Options>()

const setups = benchSetups.filter(({ title }) => only === undefined || only.test(title))
const limit = pLimit(Math.max(1, Math.min(4, cpus().length)))
let done = 0
const results = await Promise.all(
  setups.flatMap((setup) =>
    Array.from({ length: runs }, (_, index) =>
      limit(async () => {
        const result = await runSetup(setup, index + 1)
        done += 1
        if (done % 10 === 0) console.error(`  ${done} of ${setups.length * runs} runs`)
        return result
      }),
    ),
  ),
)

console.log(bySetup(results))
console.log(confusion(results))
const seconds = results.map((each) => each.seconds)
const tokens = results.map((each) => each.tokens)
console.log(
  `A run takes ${median(seconds).toFixed(1)} s and ${Math.round(median(tokens)).toLocaleString('en-US')} tokens (medians); at most ${Math.max(...seconds).toFixed(1)} s and ${Math.max(...tokens).toLocaleString('en-US')} tokens; 95 % take less than ${quantile(seconds, 0.95).toFixed(1)} s.`,
)
const summary = summaryOf(results)
console.log(
  `${summary.right} of ${summary.runs} verdicts are right (${((100 * summary.right) / summary.runs).toFixed(1)} %).`,
)
if (verbose) {
  for (const { setup, verdict, why, isRight } of results) {
    if (!isRight) console.log(`\n${setup.title}\n${verdict}\n${why.map((line) => `  - ${line}`).join('\n')}`)
  }
}
if (write) writeBench(results)
if (json) console.log(JSON.stringify(summary))

function bySetup(all: readonly BenchRun[]): string {
  const table = new Table({ head: ['set-up', 'verdicts', 'right'], style: { head: [], border: [] } })
  for (const [setup, own] of Map.groupBy(all, (each) => each.setup)) {
    const verdicts = [...Map.groupBy(own, ({ verdict }) => verdict)].map(
      ([verdict, same]) => `${verdict} ×${same.length}`,
    )
    const isRight = own.every((each) => each.isRight)
    table.push([setup.title, verdicts.join(', '), isRight ? 'yes' : `no: ${setup.right.join(' or ')}`])
  }
  return table.toString()
}

function confusion(all: readonly BenchRun[]): string {
  const verdicts = [...new Set(all.map(({ verdict }) => verdict))].toSorted()
  const table = new Table({ head: ['what decides', ...verdicts], style: { head: [], border: [] } })
  for (const [truth, own] of Map.groupBy(all, ({ setup }) => setup.truth)) {
    table.push([truth, ...verdicts.map((verdict) => own.filter((each) => each.verdict === verdict).length || '')])
  }
  return table.toString()
}

function whole(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError('Expected a whole number above 0.')
}
