import { max, mean, quantile, sum } from 'simple-statistics'
import type { Arm } from './arms.ts'
import type { Call } from './call.ts'

/** The figures of one arm. Failed calls count in `calls` and `errors`, and nowhere else. Shares are from 0 to 1. */
export interface Figures {
  readonly name: Arm['name']
  /** All calls, side calls and lanes included. */
  readonly calls: number
  /** Of the prompt tokens of all main calls after a conversation's first: how many were cached where they were served. */
  readonly cachedShare: number
  /** The same share as one cache without limits, shared by all replicas, would have had it. */
  readonly possibleShare: number
  /** Of all calls. */
  readonly promptTokens: number
  /** Of all calls: those that were not cached. */
  readonly processedTokens: number
  /** Of all main calls, at the client: from the call to the first text. */
  readonly ttftMs: { readonly median: number; readonly mean: number; readonly p90: number }
  /** Over how many replicas the main calls of a conversation were spread. */
  readonly replicasPerConversation: { readonly mean: number; readonly max: number }
  readonly errors: number
}

/** What the replay of a trace has besides. */
export interface TraceFigures extends Figures {
  /** Cached share of all prompt tokens, first requests included. */
  readonly hitShare: number
  /** The same of the main requests. */
  readonly mainHitShare: number
  /** Tokens that the busiest replica processed, over the mean of all replicas. */
  readonly loadMaxOverMean: number
}

export function figures(name: Arm['name'], all: readonly Call[]): Figures {
  const calls = all.filter(({ error }) => error === undefined)
  const main = calls.filter(({ kind }) => kind === 'main')
  const later = main.filter(({ turn }) => turn >= 2)
  const promptTokens = total(calls, 'promptTokens')
  const waits = main.length === 0 ? [0] : main.map(({ ttftMs }) => ttftMs)
  const spread = replicasEach(main)
  return {
    name,
    calls: all.length,
    cachedShare: share(later, 'cachedTokens'),
    possibleShare: share(later, 'possible'),
    promptTokens,
    processedTokens: promptTokens - total(calls, 'cachedTokens'),
    ttftMs: {
      median: rounded(quantile(waits, 0.5), 1),
      mean: rounded(mean(waits), 1),
      p90: rounded(quantile(waits, 0.9), 1),
    },
    replicasPerConversation: {
      mean: spread.length === 0 ? 0 : rounded(mean(spread), 2),
      max: spread.length === 0 ? 0 : max(spread),
    },
    errors: all.length - calls.length,
  }
}

/** `processed`: tokens that each replica processed. */
export function traceFigures(name: Arm['name'], all: readonly Call[], processed: readonly number[]): TraceFigures {
  const calls = all.filter(({ error }) => error === undefined)
  const main = calls.filter(({ kind }) => kind === 'main')
  const average = mean([...processed])
  return {
    ...figures(name, all),
    hitShare: share(calls, 'cachedTokens'),
    mainHitShare: share(main, 'cachedTokens'),
    loadMaxOverMean: average === 0 ? 1 : rounded(max([...processed]) / average, 2),
  }
}

function replicasEach(calls: readonly Call[]): number[] {
  const served = new Map<string, Set<string>>()
  for (const { conversation, replica } of calls) {
    served.set(conversation, (served.get(conversation) ?? new Set()).add(replica))
  }
  return [...served.values()].map(({ size }) => size)
}

type Counted = 'promptTokens' | 'cachedTokens' | 'possible'

const total = (calls: readonly Call[], what: Counted): number => sum(calls.map((call) => call[what]))

function share(calls: readonly Call[], what: Counted): number {
  const all = total(calls, 'promptTokens')
  return all === 0 ? 0 : rounded(total(calls, what) / all, 4)
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
