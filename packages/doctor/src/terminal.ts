import { styleText } from 'node:util'
import Table from 'cli-table3'
import type { Echoed } from './echoed.js'
import type { Examination } from './examine.js'
import type { Count, Figures } from './figures.js'
import { grouped } from './grouped.js'
import type { Overheard } from './overhear.js'
import { shortNames } from './short.js'
import { EXIT_CODES, type Judgement } from './verdict.js'

type Color = 'green' | 'red' | 'yellow'
const COLORS: Readonly<Record<0 | 1 | 2, Color>> = { 0: 'green', 1: 'red', 2: 'yellow' }

/** What a person reads: the figures of both arms, then the verdict. Colours only where the stream has some. */
export function asText({ judgement, findings, gateway, spent }: Examination, stream: NodeJS.WritableStream): string {
  const { affinity, control } = findings.figures
  const table = new Table({ head: ['', 'with the key', 'without'], style: { head: [], border: [] } })
  for (const [what, show] of ROWS) table.push([what, show(affinity), show(control)])
  const cost = `${grouped(spent.calls)} calls, ${grouped(spent.tokens)} tokens, ${spent.seconds.toFixed(1)} s`
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

/** The same for a run with the echo server. */
export function echoAsText(echoed: Echoed, overheard: Overheard | undefined, stream: NodeJS.WritableStream): string {
  if (overheard === undefined) return verdictText(echoed, echoed.exitCode, stream)
  const { sent, arrived, lost, added, gateway } = overheard
  const table = new Table({ head: ['sent with the key', 'behind the gateway'], style: { head: [], border: [] } })
  for (const name of sent) {
    table.push([name, arrived.includes(name) ? 'arrived' : lost.includes(name) ? 'lost' : 'arrived with another value'])
  }
  const hops = added.length === 0 ? '' : ` Added on the way: ${added.join(', ')}.`
  return [table.toString(), `gateway: ${gateway}.${hops}`, verdictText(echoed, echoed.exitCode, stream)].join('\n\n')
}

/** What is told of an arm. */
export const ROWS: readonly (readonly [what: string, show: (figures: Figures) => string])[] = [
  ['calls, of which failed', ({ calls, failed }) => `${calls}, ${failed}`],
  ['conversations', ({ conversations }) => String(conversations)],
  ['backends', ({ backends }) => tally(backends)],
  ['later turns on the same backend', ({ stayed }) => count(stayed)],
  ['later turns that found their cache', ({ descended }) => count(descended)],
  ['cached share of later turns', ({ cachedShare }) => (cachedShare === undefined ? UNKNOWN : percent(cachedShare))],
  ['first token, later turns', ({ ttftLater }) => ms(ttftLater)],
]

const UNKNOWN = 'unknown'

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

function count(all: Count | undefined): string {
  return all === undefined ? UNKNOWN : `${all.did} of ${all.of}`
}

function ms(value: number | undefined): string {
  return value === undefined ? UNKNOWN : `${Math.round(value)} ms`
}

function tally(all: Readonly<Record<string, number>> | undefined): string {
  if (all === undefined) return UNKNOWN
  const short = shortNames(Object.keys(all))
  return Object.entries(all)
    .map(([name, times]) => `${short.get(name)} ×${times}`)
    .join('\n')
}
