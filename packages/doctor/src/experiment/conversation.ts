import { randomInt } from 'node:crypto'
import type { Message } from '../client/api-adapters.js'
import type { Answer } from '../client/calls.js'
import type { ChatClient } from '../client/chat-client.js'
import type { TokenBudget } from '../client/token-budget.js'
import { prose } from '../util/prose.js'

/** The length of the texts of a conversation, in words. */
export interface Length {
  /** Before the first question. No other conversation has the same text. */
  readonly opening: number
  /** In each turn. */
  readonly question: number
}

export interface Conversation {
  /** Plays the next turn: the history, and one more question. Undefined where the budget does not suffice. */
  turn(): Promise<Answer | undefined>
}

const ASK = 'Answer with one word.'
const MAX_EXTRA = 0.1

/**
 * Begins a conversation with texts that were never sent before; nothing is sent yet.
 *
 * @param clientOf Called at each turn.
 */
export function startConversation(budget: TokenBudget, length: Length, clientOf: () => ChatClient): Conversation {
  const history: Message[] = []
  // Lengths differ, so that numbers of cached tokens show the block of a cache.
  const opening = length.opening + randomInt(Math.ceil(length.opening * MAX_EXTRA))
  return {
    turn: async () => {
      const next = questionOf({ ...length, opening }, history.length === 0)
      const answer = await askWithin(budget, clientOf(), [...history, next])
      // A turn that failed is asked again, in other words.
      if (answer !== undefined && answer.fault === undefined) history.push(next, replyOf(answer))
      return answer
    },
  }
}

/** A history of one turn and a second question, as the second call of a conversation has it. */
export function secondTurn(length: Length): readonly Message[] {
  return [questionOf(length, true), { role: 'assistant', content: 'Yes' }, questionOf(length, false)]
}

/** Asks where the budget suffices; undefined where it does not. */
export async function askWithin(
  budget: TokenBudget,
  client: ChatClient,
  messages: readonly Message[],
): Promise<Answer | undefined> {
  const settle = budget.reserve(wordsIn(messages))
  if (settle === undefined) return undefined
  const answer = await client.ask(messages)
  settle(answer.promptTokens)
  return answer
}

function questionOf({ opening, question }: Length, isFirst: boolean): Message {
  const begin = isFirst ? `${prose(opening)}. ` : ''
  return { role: 'user', content: `${begin}${prose(question)}. ${ASK}` }
}

function replyOf({ text }: Answer): Message {
  return { role: 'assistant', content: text || 'Yes' }
}

function wordsIn(messages: readonly Message[]): number {
  return messages.reduce((sum, { content }) => sum + content.split(' ').length, 0)
}
