import type { Message } from '../client/api-adapters.js'
import type { Answer } from '../client/calls.js'
import type { ChatClient } from '../client/chat-client.js'
import type { TokenBudget } from '../client/token-budget.js'
import { prose } from '../util/prose.js'

/** How much is said in a conversation, in words. */
export interface Length {
  /** Before its first question: what no other conversation has. */
  readonly opening: number
  /** In each turn. */
  readonly question: number
}

export interface Conversation {
  /** The next turn: all that was said before, and one question more. Undefined where it cannot be paid for. */
  turn(): Promise<Answer | undefined>
}

const ASK = 'Answer with one word.'

/**
 * Begins a conversation that nobody has had before; nothing is sent yet.
 *
 * @param caller Asked at each turn.
 */
export function startConversation(
  purse: TokenBudget,
  { opening, question }: Length,
  caller: () => ChatClient,
): Conversation {
  const history: Message[] = []
  return {
    turn: async () => {
      const begin = history.length === 0 ? `${prose(opening)}. ` : ''
      const next: Message = { role: 'user', content: `${begin}${prose(question)}. ${ASK}` }
      const settle = purse.reserve(wordsIn([...history, next]))
      if (settle === undefined) return undefined
      const answer = await caller().ask([...history, next])
      settle(answer.promptTokens)
      // A turn that came to nothing is asked again, in other words.
      if (answer.fault === undefined) history.push(next, { role: 'assistant', content: answer.text || 'Yes' })
      return answer
    },
  }
}

function wordsIn(messages: readonly Message[]): number {
  return messages.reduce((sum, { content }) => sum + content.split(' ').length, 0)
}
