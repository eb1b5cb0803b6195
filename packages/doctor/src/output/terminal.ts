import { styleText } from 'node:util'
import Table from 'cli-table3'
import type { Share } from '../analysis/evidence.js'
import type { Figures } from '../analysis/figures.js'
import type { EchoJudgement } from '../echo/judge-echo.js'
import type { EchoResult } from '../echo/run-echo-check.js'
import type { Examination } from '../experiment/examine.js'
import { groupDigits, shortenNames } from '../util/format.js'
import { EXIT_CODES, type Judgement } from '../verdict/verdict.js'

type Color = 'green' | 'red' | 'yellow'
const COLORS: Readonly<Record<0 | 1 | 2, Color>> = { 0: 'green', 1: 'red', 2: 'yellow' }

/** The text for a person: the figures of both arms, then the verdict. Colours only where the stream supports them. */
export function asText({ judgement, findings, gateway, spent }: Examination, stream: NodeJS.WritableStream): string {
  const { affinity, control } = findings.figures
  const table = new Table({ head: ['', 'with the key', 'without it'], style: { head: [], border: [] } })
  for (const [what, show] of ROWS) table.push([what, show(affinity), show(control)])
  const cost = `${groupDigits(spent.calls)} calls, ${groupDigits(spent.tokens)} tokens, ${spent.seconds.toFixed(1)} s`
  return [
    table.toString(),
    `gateway: ${gateway.name} (${gateway.known}). ${cost}.`,
    verdictText(judgement, EXIT_CODES[judgement.verdict], stream),
  ].join('\n\n')
}

function verdictText(
  { verdict, sentence, why, next }: Pick<Judgement, 'sentence' | 'why' | 'next'> & { readonly verdict: string },
  code: 0 | 1 | 2,
  stream: NodeJS.WritableStream,
): string {
  const title = styleText(['bold', COLORS[code]], `${verdict}: ${sentence}`, {
    stream,
    validateStream: true,
  })
  return [
    title,
    ...why.map((line) => `  - ${line}`),
    ...(next.length === 0 ? [] : ['What to do:', ...next.map((line) => `  - ${line}`)]),
  ].join('\n')
}

/** The same for an echo check. */
export function echoAsText(
  echoed: EchoJudgement,
  overheard: EchoResult | undefined,
  stream: NodeJS.WritableStream,
): string {
  if (overheard === undefined) return verdictText(echoed, echoed.exitCode, stream)
  const { sent, arrived, lost, added, gateway } = overheard
  const table = new Table({ head: ['sent with the key', 'behind the gateway'], style: { head: [], border: [] } })
  for (const name of sent) {
    table.push([name, arrived.includes(name) ? 'arrived' : lost.includes(name) ? 'lost' : 'arrived with another value'])
  }
  const hops = added.length === 0 ? '' : ` Added on the way: ${added.join(', ')}.`
  return [table.toString(), `gateway: ${gateway}.${hops}`, verdictText(echoed, echoed.exitCode, stream)].join('\n\n')
}

/** The figures of an arm, with their titles. */
export const ROWS: readonly (readonly [what: string, show: (figures: Figures) => string])[] = [
  ['calls, failed calls', ({ calls, failed }) => `${calls}, ${failed}`],
  ['conversations', ({ conversations }) => String(conversations)],
  ['backends', ({ backends }) => tally(backends)],
  ['later turns on the same backend', ({ sameBackend: stayed }) => count(stayed)],
  ['later turns that found the turn before in the cache', ({ foundCache: descended }) => count(descended)],
  [
    'cached share of the prompts of later turns',
    ({ cachedShare }) => (cachedShare === undefined ? UNKNOWN : percent(cachedShare)),
  ],
  ['time to first token, later turns', ({ ttftLater }) => ms(ttftLater)],
]

const UNKNOWN = 'unknown'

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

function count(all: Share | undefined): string {
  return all === undefined ? UNKNOWN : `${all.count} of ${all.total}`
}

function ms(value: number | undefined): string {
  return value === undefined ? UNKNOWN : `${Math.round(value)} ms`
}

function tally(all: Readonly<Record<string, number>> | undefined): string {
  if (all === undefined) return UNKNOWN
  const short = shortenNames(Object.keys(all))
  return Object.entries(all)
    .map(([name, times]) => `${short.get(name)} ×${times}`)
    .join('\n')
}
