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
}

/** The calls of a plan, in both arms. */
export function callsOf({ conversations, turns }: Pick<Plan, 'conversations' | 'turns'>): number {
  return 2 * conversations * turns
}

/** Tokens. Some gateways only look at a pin above a length of the prompt. */
const OPENING_BY_NAME = 600
const QUESTION_BY_NAME = 60
/** Most providers cache nothing shorter than 1,024 tokens, some nothing shorter than 4,096. */
const OPENINGS_BY_CACHE = [700, 1100, 4400]
const QUESTION_BY_CACHE = 180
/** A question exceeds a block by this, so that every turn adds a block to what is cached. */
const MARGIN = 48
/** The share of the budget of one round. Names need less, and leave room for more rounds and for probes. */
const SHARE_BY_NAME = 0.5
const SHARE_BY_CACHE = 0.8
const MIN_CONVERSATIONS = 4
const MIN_TURNS = 3
/** Words, where names are visible and the budget is small. */
const MIN_LENGTH: Length = { opening: 16, question: 8 }

/**
 * The conversations to play, within the budget. Caches are read by the growth of prompts, so where answers do not name their
 * backend the texts keep their length and there are fewer turns and conversations instead.
 */
export function planOf(options: Options, budget: TokenBudget, cache: CacheProfile, isNamed: boolean): Plan {
  const question = isNamed
    ? QUESTION_BY_NAME
    : Math.max(QUESTION_BY_CACHE, cache.isVisible ? cache.blockTokens + TEMPLATE_SLACK + MARGIN : 0)
  const opening = openingOf(cache, isNamed)
  const allowed = (budget.limit - budget.spent) * (isNamed ? SHARE_BY_NAME : SHARE_BY_CACHE)
  const longest = cache.maxPromptTokens ?? Number.POSITIVE_INFINITY
  let { conversations, turns } = options
  const costOf = (): number => 2 * conversations * (turns * opening + question * sumTo(turns))
  const isTooLong = (): boolean => opening + turns * question > longest
  while ((costOf() > allowed || isTooLong()) && turns > MIN_TURNS) {
    if (turns > 5 || conversations <= 6 || isTooLong()) turns -= 1
    else conversations -= 1
  }
  while (costOf() > allowed && conversations > MIN_CONVERSATIONS) conversations -= 1
  // Where it is still too much, names do with shorter texts, and caches prove less.
  const scale = Math.min(1, allowed / costOf(), longest / (opening + turns * question))
  return {
    conversations,
    turns,
    pauseMs: cache.settleMs,
    length: {
      opening: Math.max(MIN_LENGTH.opening, budget.wordsFor(opening * scale)),
      question: Math.max(MIN_LENGTH.question, budget.wordsFor(question * scale)),
    },
  }
}

// The longest opening that is not longer than the prompt that was cached.
function openingOf({ isVisible, cachedTokens }: CacheProfile, isNamed: boolean): number {
  const [short, middle, long] = OPENINGS_BY_CACHE as [number, number, number]
  if (!isVisible) return isNamed ? OPENING_BY_NAME : middle
  if (cachedTokens > 2 * middle) return long
  return isNamed && cachedTokens < middle ? short : middle
}

function sumTo(count: number): number {
  return (count * (count + 1)) / 2
}
