import type { ModelMessage } from 'ai'
import { Session } from 'llm-affinity'
import type { Answer } from './model.ts'

export interface Message {
  readonly role: 'user' | 'assistant' | 'error'
  text: string
}

export type Kind = 'turn' | 'title' | 'compaction' | 'research'

/** A call as the page shows it. */
export interface Call extends Omit<Answer, 'text'> {
  readonly conversation: string
  readonly kind: Kind
  /** The number of the turn that it belongs to, from 1. */
  readonly turn: number
}

/** A conversation as the page shows it. */
export interface ConversationView {
  readonly id: string
  /** Counted from 1, for each user. */
  readonly number: number
  /** How it began, in a few words. */
  readonly topic: string
  readonly title: string
  readonly busy: boolean
}

export interface Conversation {
  readonly id: string
  readonly number: number
  readonly session: Session
  readonly instructions: string
  /** What the model is sent; compacted when it is long. */
  readonly history: ModelMessage[]
  /** What the page shows. */
  readonly messages: Message[]
  readonly calls: Call[]
  turns: number
  title: string
  busy: boolean
}

/**
 * A new conversation of a user. The server makes its id. The key is made from user, id and secret, so nobody can choose a
 * key, guess that of somebody else or tell from a key whose it is.
 */
export function newConversation(user: string, number: number, secret: string): Conversation {
  const id = crypto.randomUUID()
  const session = new Session(id, { namespace: user, secret })
  // It begins with the time, as the prompts of many apps do: so a conversation finds no cache but its own.
  const instructions = `It is ${new Date().toISOString()}. You help with plans and questions. Be brief and precise.`
  return { id, number, session, instructions, history: [], messages: [], calls: [], turns: 0, title: '', busy: false }
}

export function viewOf({ id, number, messages, title, busy }: Conversation): ConversationView {
  const words = messages[0]?.text.split(/\s+/) ?? []
  const topic = words.slice(0, 6).join(' ').slice(0, 60)
  return { id, number, topic: words.length > 6 ? `${topic} …` : topic, title, busy }
}
