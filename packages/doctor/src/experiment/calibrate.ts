import { setTimeout as sleep } from 'node:timers/promises'
import { blockTokens } from '../analysis/cache-steps.js'
import type { Message } from '../client/api-adapters.js'
import type { Answer } from '../client/calls.js'
import type { ChatClient } from '../client/chat-client.js'
import type { TokenBudget } from '../client/token-budget.js'
import { prose } from '../util/prose.js'
import { askWithin } from './conversation.js'

/** How the caches behind the gateway count. */
export interface CacheProfile {
  /** Whether a repeated prompt was found in a cache. */
  readonly isVisible: boolean
  /** The block in which it counts; 0 where it is not visible. */
  readonly blockTokens: number
  /** The length of a prompt that was cached, in tokens; 0 where it is not visible. */
  readonly cachedTokens: number
  /** Milliseconds to wait until a prompt can be found. */
  readonly settleMs: number
  /** The longest prompt that was accepted, where longer ones were rejected. */
  readonly maxPromptTokens?: number
}

export const NO_CACHE: CacheProfile = { isVisible: false, blockTokens: 0, cachedTokens: 0, settleMs: 0 }

/**
 * Tokens of the prompts that are repeated: below and above the usual minimum of 1,024, and above the highest one of 4,096. The
 * first two are a little above a multiple of 64 that is not one of 128, so that these blocks can be told apart. Where answers
 * name their backend, caches only confirm it, and the longest one is not tried.
 */
const LENGTHS = [725, 1500, 4400]
const LENGTHS_BY_NAME = LENGTHS.slice(0, 2)
/** Milliseconds before each repetition. The first ones may reach other backends. */
const PAUSES = [0, 150, 300, 600, 1000]
/** From this block on, its estimate is checked with another length: one length allows several blocks. */
const LARGE_BLOCK = 256
/** The share of the budget that may be used. */
const MAX_SHARE = 0.25
const MIN_PROMPT_TOKENS = 64

/**
 * Repeats a prompt, and reads from the answers in which blocks the caches count and how soon they find it. The calls carry a
 * key, so that they reach one backend where the gateway pins.
 *
 * @param isNamed Whether answers name their backend.
 */
export async function calibrate(
  budget: TokenBudget,
  end: AbortSignal,
  client: ChatClient,
  isNamed: boolean,
): Promise<CacheProfile> {
  const limit = budget.spent + budget.limit * MAX_SHARE
  let maxPromptTokens: number | undefined
  for (const length of isNamed ? LENGTHS_BY_NAME : LENGTHS) {
    let tokens = Math.min(length, maxPromptTokens ?? length)
    let first = await askLong(budget, client, tokens)
    while (first?.answer.fault?.kind === 'too-long' && tokens > MIN_PROMPT_TOKENS) {
      tokens = Math.floor(tokens / 2)
      maxPromptTokens = tokens
      first = await askLong(budget, client, tokens)
    }
    if (first?.answer.fault !== undefined || first?.answer.cachedTokens === undefined) break
    const found = await repeat(budget, end, client, first, limit, PAUSES)
    if (found === undefined) continue
    const { promptTokens = 0 } = first.answer
    const block = isNamed ? blockTokens([found]) : await refine(budget, end, client, found, limit)
    return {
      isVisible: true,
      blockTokens: block,
      cachedTokens: promptTokens,
      settleMs: found.settleMs,
      ...(maxPromptTokens !== undefined && { maxPromptTokens }),
    }
  }
  return { ...NO_CACHE, ...(maxPromptTokens !== undefined && { maxPromptTokens }) }
}

interface Asked {
  readonly messages: readonly Message[]
  readonly answer: Answer
}

async function repeat(
  budget: TokenBudget,
  end: AbortSignal,
  client: ChatClient,
  { messages, answer: { promptTokens = 0, cachedTokens: before = 0 } }: Asked,
  limit: number,
  pauses: readonly number[],
): Promise<Found | undefined> {
  const begun = performance.now()
  for (const [index, pause] of pauses.entries()) {
    if (end.aborted || budget.spent + promptTokens > limit) return undefined
    if (pause > 0) await sleep(pause, undefined, { signal: end }).catch(() => {})
    const waited = performance.now() - begun
    const answer = await askWithin(budget, client, messages)
    if (answer === undefined || answer.fault !== undefined) return undefined
    const { cachedTokens = 0 } = answer
    // A beginning that all prompts share is in the cache before the prompt is.
    const isFound = cachedTokens > before && cachedTokens > promptTokens / 2
    // What the first repetition finds needs no pause: it came at once.
    if (isFound) return { answer, settleMs: index === 0 ? 0 : Math.ceil(waited * 1.5) }
  }
  return undefined
}

interface Found {
  readonly answer: Answer
  readonly settleMs: number
}

/** Checks the estimate of a large block with a prompt that fills all but the end of the next block. */
async function refine(
  budget: TokenBudget,
  end: AbortSignal,
  client: ChatClient,
  { answer, settleMs }: Found,
  limit: number,
): Promise<number> {
  const block = blockTokens([{ answer }])
  if (block < LARGE_BLOCK) return block
  const first = await askLong(budget, client, (answer.cachedTokens ?? 0) + Math.floor(block * 0.95))
  if (first?.answer.fault !== undefined || first === undefined) return block
  const pauses = [settleMs, ...PAUSES.slice(1, 4)]
  const found = await repeat(budget, end, client, first, limit, pauses)
  return found === undefined ? block : blockTokens([{ answer }, { answer: found.answer }])
}

async function askLong(budget: TokenBudget, client: ChatClient, tokens: number): Promise<Asked | undefined> {
  const messages: readonly Message[] = [
    { role: 'user', content: `${prose(Math.max(1, budget.wordsFor(tokens)))}. Answer with one word.` },
  ]
  const answer = await askWithin(budget, client, messages)
  return answer && { messages, answer }
}
