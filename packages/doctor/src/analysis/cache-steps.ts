import type { Call } from '../client/calls.js'
import { conversationsOf } from './conversations.js'
import { lineages, TEMPLATE_SLACK } from './lineage.js'

/** A later turn whose answer reported cached tokens. */
export interface CacheStep {
  readonly call: Call
  /** The call of the turn before. */
  readonly before: Call
  /** Whether the cache that answered had seen the turn before. */
  readonly found: boolean
  /** Whether it had seen any turn of the conversation. */
  readonly foundAny: boolean
  /**
   * Whether `found` means something: the prompts of the conversation grew by a block of the cache or more, so that consecutive
   * turns can be told apart. Those of a later round may be shorter.
   */
  readonly isClear: boolean
}

/** What `cached_tokens` show. */
export interface CacheReading {
  readonly steps: readonly CacheStep[]
  /** The most lineages that one conversation has. Absent where nothing was found in any cache. */
  readonly lineages?: number
  /**
   * Why `found` proves nothing: no answer reports cached tokens, no turn was found in either arm, or not all steps are clear.
   */
  readonly problem?: 'not-reported' | 'nothing-found' | 'too-coarse'
}

const MAX_BLOCK = 1024

/** Whether any turn was found in a cache, so that a turn that was not found means something. */
export function isVisible({ problem }: CacheReading): boolean {
  return problem === undefined || problem === 'too-coarse'
}

/**
 * Reads the `cached_tokens` of all calls.
 *
 * @param block The block of the cache in tokens, where it was measured.
 */
export function readCaches(calls: readonly Call[], block: number = MAX_BLOCK): CacheReading {
  const conversations = conversationsOf(calls)
  const all = conversations.map(lineages)
  const least = Math.min(block, blockTokens(calls)) + TEMPLATE_SLACK
  const steps = all.flatMap((turns) => {
    const own = turns.slice(1).flatMap(({ call, lineage, isNew }, index) => {
      const before = turns[index]
      if (before === undefined || before.call.turn + 1 !== call.turn) return []
      return [{ call, before: before.call, found: before.lineage === lineage, foundAny: !isNew }]
    })
    const isClear = own.every(({ call, before }) => growth(call, before) >= least)
    return own.map((step): CacheStep => ({ ...step, isClear }))
  })
  if (steps.length === 0) return { steps, problem: 'not-reported' }
  const most = Math.max(...all.flatMap((turns) => turns.map(({ lineage }) => lineage)))
  const hasFound = all.some((turns) => new Set(turns.map(({ lineage }) => lineage)).size < turns.length)
  if (!hasFound) return { steps, problem: 'nothing-found' }
  const isTooCoarse = steps.some(({ isClear }) => !isClear)
  return { steps, lineages: most, ...(isTooCoarse && { problem: 'too-coarse' as const }) }
}

function growth({ answer }: Call, { answer: before }: Call): number {
  return (answer.promptTokens ?? 0) - (before.promptTokens ?? 0)
}

/**
 * The block in which a cache counts: the greatest power of two that divides every number of cached tokens. It can be above
 * the true block where there are few numbers, never below.
 */
export function blockTokens(calls: readonly Pick<Call, 'answer'>[]): number {
  const counts = calls.map(({ answer }) => answer.cachedTokens ?? 0).filter((count) => count > 0)
  let block = MAX_BLOCK
  while (block > 1 && counts.some((count) => count % block !== 0)) block /= 2
  return counts.length === 0 ? 1 : block
}
