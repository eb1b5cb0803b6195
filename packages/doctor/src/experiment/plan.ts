import type { Trust } from '../analysis/backend-identifier.js'
import { TEMPLATE_SLACK } from '../analysis/lineage.js'
import type { Options } from '../client/options.js'
import type { TokenBudget } from '../client/token-budget.js'
import type { CacheProfile } from './calibrate.js'
import type { Length } from './conversation.js'

/** What both arms play. */
export interface Plan {
  readonly conversations: number
  readonly turns: number
  readonly length: Length
  readonly pauseMs: number
  /** Milliseconds to wait before these turns instead, to see how long pins live. */
  readonly longPauses: ReadonlyMap<number, number>
}

/** The first turn with a long pause: pins are seen to hold before it. */
const FIRST_PAUSED = 3

/** Pauses that double up to the longest one, which comes before the last turn. */
function longPausesOf({ pause }: Pick<Options, 'pause'>, turns: number): ReadonlyMap<number, number> {
  if (pause === undefined) return new Map()
  const paused = Array.from({ length: Math.max(0, turns - FIRST_PAUSED + 1) }, (_, i) => FIRST_PAUSED + i)
  return new Map(paused.map((turn) => [turn, (pause * 1000) / 2 ** (turns - turn)]))
}

/** The calls of a plan, in both arms. */
export function callsOf({ conversations, turns }: Pick<Plan, 'conversations' | 'turns'>): number {
  return 2 * conversations * turns
}

/** Tokens. Some gateways only look at a pin above a length of the prompt. */
const OPENING_BY_NAME = 600
const QUESTION_BY_NAME = 60
/** Most providers cache nothing shorter than 1,024 tokens, some nothing shorter than 4,096. */
const OPENINGS_BY_CACHE = [700, 1100, 4400] as const
const QUESTION_BY_CACHE = 180
const MAX_CONFIRMING_BLOCK = 128
/** A question exceeds a block by this, so that every turn adds a block to what is cached. */
const MARGIN = 48
/** The share of the budget of one round. Names need less, and leave room for more rounds and for probes. */
const SHARE_BY_NAME = 0.5
const SHARE_BY_CACHE = 0.85
/** A step between two turns proves less where only a cache shows it. */
const CONVERSATIONS_BY_NAME = 6
const CONVERSATIONS_BY_CACHE = 10
const MIN_CONVERSATIONS = 4
const MIN_TURNS = 3
/** Words, where names are visible and the budget is small. */
const MIN_LENGTH: Length = { opening: 16, question: 8 }

/**
 * The conversations to play, within the budget. Caches are read by the growth of prompts, so where answers do not name their
 * backend the texts keep their length and there are fewer turns and conversations instead.
 */
export function planOf(options: Options, budget: TokenBudget, cache: CacheProfile, trust: Trust | undefined): Plan {
  const isNamed = trust === 'known' || trust === 'named'
  const block = cache.isVisible ? cache.blockTokens + TEMPLATE_SLACK + MARGIN : 0
  // A header that names a backend may be that of another hop: where it costs little, the caches are to confirm it.
  const isConfirmed = cache.blockTokens <= MAX_CONFIRMING_BLOCK && cache.cachedTokens < OPENINGS_BY_CACHE[1]
  const question = isNamed ? Math.max(QUESTION_BY_NAME, isConfirmed ? block : 0) : Math.max(QUESTION_BY_CACHE, block)
  const opening = openingOf(cache, isNamed)
  const allowed = (budget.limit - budget.spent) * (isNamed ? SHARE_BY_NAME : SHARE_BY_CACHE)
  const longest = cache.maxPromptTokens ?? Number.POSITIVE_INFINITY
  let { turns, conversations = isNamed ? CONVERSATIONS_BY_NAME : CONVERSATIONS_BY_CACHE } = options
  const costOf = (): number => sizeOf({ conversations, turns, length: { opening, question } })
  const isTooLong = (): boolean => opening + turns * question > longest
  while ((costOf() > allowed || isTooLong()) && turns > MIN_TURNS) {
    if (turns > 4 || conversations <= 6 || isTooLong()) turns -= 1
    else conversations -= 1
  }
  while (costOf() > allowed && conversations > MIN_CONVERSATIONS) conversations -= 1
  // Where it is still too much, names do with shorter texts, and caches prove less.
  const scale = Math.min(1, allowed / costOf(), longest / (opening + turns * question))
  return {
    conversations,
    turns,
    pauseMs: cache.settleMs,
    longPauses: longPausesOf(options, turns),
    length: {
      opening: Math.max(MIN_LENGTH.opening, budget.wordsFor(opening * scale)),
      question: Math.max(MIN_LENGTH.question, budget.wordsFor(question * scale)),
    },
  }
}

// The longest opening that is not longer than the prompt that was cached.
function openingOf({ isVisible, cachedTokens }: CacheProfile, isNamed: boolean): number {
  const [short, middle, long] = OPENINGS_BY_CACHE
  if (isNamed) return isVisible && cachedTokens < middle ? short : OPENING_BY_NAME
  if (!isVisible) return middle
  return cachedTokens < middle ? short : cachedTokens < 2 * middle ? middle : long
}

/** The size of all prompts of both arms, in the unit of the length. Every turn sends the opening and all questions so far. */
export function sizeOf({ conversations, turns, length }: Omit<Plan, 'pauseMs' | 'longPauses'>): number {
  return 2 * conversations * (turns * length.opening + ((turns * (turns + 1)) / 2) * length.question)
}

const LEAST_SCALE = 0.4

/** The plan with shorter texts, so that after it this many tokens are left. Unchanged where the texts would be too short. */
export function shorten(plan: Plan, budget: TokenBudget, reserve: number): Plan {
  const scale = (budget.limit - budget.spent - reserve) / budget.tokensFor(sizeOf(plan))
  if (scale >= 1 || scale < LEAST_SCALE) return plan
  const { opening, question } = plan.length
  return { ...plan, length: { opening: Math.floor(opening * scale), question: Math.floor(question * scale) } }
}
