import type { Options } from '../client/options.js'
import type { TokenBudget } from '../client/token-budget.js'
import type { Length } from './conversation.js'

/** What both arms are to say. */
export interface Plan {
  readonly conversations: number
  readonly turns: number
  readonly length: Length
}

export function callsOf({ conversations, turns }: Pick<Plan, 'conversations' | 'turns'>): number {
  return 2 * conversations * turns
}

/** Of the tokens of an opening: providers cache nothing that is shorter than 1024. */
const OPENING = 1100
/** Of a question: more than a block of any cache, so that lineages can be told apart. */
const QUESTION = 180
/** What is kept for probes. */
const RESERVE = 0.2

/** As long as the budget allows. */
export function planOf({ conversations, turns }: Options, purse: TokenBudget): Plan {
  const perConversation = ((purse.limit - purse.spent) * (1 - RESERVE)) / (2 * conversations)
  // A conversation sends its opening in each turn, and all questions so far.
  const questions = (turns * (turns + 1)) / 2
  const affordable = perConversation / (turns * OPENING + questions * QUESTION)
  const scale = Math.min(1, affordable)
  return {
    conversations,
    turns,
    length: {
      opening: Math.max(16, purse.wordsFor(OPENING * scale)),
      question: Math.max(8, purse.wordsFor(QUESTION * scale)),
    },
  }
}
