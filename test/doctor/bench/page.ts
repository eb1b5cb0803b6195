import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { median } from 'simple-statistics'
import { type BenchRun, summaryOf } from './bench.ts'

const page = fileURLToPath(new URL('../../../docs/proof.md', import.meta.url))
const [BEGIN, END] = ['<!-- doctor-bench -->', '<!-- /doctor-bench -->']

/** Writes the confusion matrix of these runs, and a sentence about them, into docs/proof.md. */
export function writeBench(runs: readonly BenchRun[]): void {
  const text = readFileSync(page, 'utf8')
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`docs/proof.md has no ${BEGIN} … ${END}`)
  writeFileSync(page, `${text.slice(0, from + BEGIN.length)}\n${benchText(runs)}\n${text.slice(to)}`)
}

function benchText(runs: readonly BenchRun[]): string {
  const { setups, right, exitZeroWithoutPin, namesWithoutPin, unstable } = summaryOf(runs)
  const verdicts = [...new Set(runs.map(({ verdict }) => verdict))].toSorted()
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`
  const tokens = Math.round(median(runs.map((run) => run.tokens)) / 1000)
  const seconds = median(runs.map((run) => run.seconds)).toFixed(0)
  return [
    line(['What decides where a conversation goes', ...verdicts.map((verdict) => `\`${verdict}\``)]),
    line(['---', ...verdicts.map(() => '--:')]),
    ...[...Map.groupBy(runs, ({ setup }) => setup.truth)].map(([truth, own]) =>
      line([truth, ...verdicts.map((verdict) => own.filter((run) => run.verdict === verdict).length || '')]),
    ),
    '',
    `${runs.length} runs over ${setups} simulated gateways: ${((100 * right) / runs.length).toFixed(1)} % of the verdicts are right; ${exitZeroWithoutPin} runs exit with 0 where nothing pins, and ${namesWithoutPin} name a header there. ${unstable === 0 ? 'No gateway got' : `${unstable} gateways got`} different verdicts in different runs, \`unknown\` aside. \`unknown\` counts as right only where the gateway cannot be told from others within the default budget. The median run takes ${seconds} s, with backends that answer at once, and ${tokens},000 tokens.`,
  ].join('\n')
}
