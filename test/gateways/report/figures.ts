import type { Outcome } from 'llm-affinity'
import { max, mean, sum } from 'simple-statistics'
import type { Served } from './ledger.ts'

/** What became of one way to play the traffic. Shares are from 0 to 1. */
export interface Figures {
  /** Those that a replica has heard of. */
  readonly conversations: number
  /** Over how many backends the calls of a conversation were spread, side calls left out. */
  readonly backendsPerConversation: { readonly mean: number; readonly max: number }
  /** How many backends have served conversations. */
  readonly backendsUsed: number
  /** Of the prompt tokens of all turns after a conversation's first: how many were cached where they were served. */
  readonly cachedShare: number
  /** The same share as one cache without limits, shared by all backends, would have had it. */
  readonly possibleShare: number
  /** How many side calls each backend has served. */
  readonly sideCalls: Readonly<Record<string, number>>
}

/** @param backends Their names, all of them. */
export function figures(served: readonly Served[], backends: readonly string[]): Figures {
  const main = served.filter(({ kind }) => kind === 'main')
  const side = served.filter(({ kind }) => kind === 'side')
  const later = main.filter(({ turn }) => turn >= 2)
  const spread = [...Map.groupBy(main, ({ conversation }) => conversation).values()].map(
    (calls) => new Set(calls.map(({ replica }) => replica)).size,
  )
  return {
    conversations: spread.length,
    backendsPerConversation:
      spread.length === 0 ? { mean: 0, max: 0 } : { mean: rounded(mean(spread), 2), max: max(spread) },
    backendsUsed: new Set(main.map(({ replica }) => replica)).size,
    cachedShare: share(later, 'cachedTokens'),
    possibleShare: share(later, 'possible'),
    sideCalls: Object.fromEntries(
      backends.map((name) => [name, side.filter(({ replica }) => replica === name).length]),
    ),
  }
}

/** How often each result was heard. All are there, those that never were with a 0. */
export type Outcomes = Readonly<Record<Outcome['result'], number>>

export function outcomesOf(heard: readonly Outcome[]): Outcomes {
  const counts = { hit: 0, miss: 0, repin: 0, moved: 0, disabled: 0, unknown: 0 }
  for (const { result } of heard) counts[result] += 1
  return counts
}

function share(calls: readonly Served[], what: 'cachedTokens' | 'possible'): number {
  const all = sum(calls.map(({ promptTokens }) => promptTokens))
  return all === 0 ? 0 : rounded(sum(calls.map((call) => call[what])) / all, 4)
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
