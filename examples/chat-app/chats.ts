import {
  type Call,
  type Conversation,
  type ConversationView,
  type Kind,
  type Message,
  newConversation,
  viewOf,
} from './conversation.ts'
import { Feed } from './feed.ts'
import type { Fleet } from './fleet.ts'
import type { Answer } from './model.ts'

// What one user can have here at a time: the app keeps all of it in memory. What is older goes.
const MOST_CONVERSATIONS = 30
const MOST_MESSAGES = 100
const MOST_CALLS = 200

/** What the page hears. The first event of every stream is the `state`; the others change it. */
export type ChatEvent =
  | {
      readonly type: 'state'
      readonly about: string
      readonly replicas: readonly string[]
      readonly affinity: boolean
      readonly playing: boolean
      readonly conversations: readonly (ConversationView & { readonly messages: readonly Message[] })[]
      readonly calls: readonly Call[]
    }
  | { readonly type: 'switches'; readonly affinity: boolean; readonly playing: boolean }
  | { readonly type: 'conversation'; readonly conversation: ConversationView }
  | { readonly type: 'removed'; readonly id: string }
  | { readonly type: 'message'; readonly id: string; readonly message: Message }
  | { readonly type: 'text'; readonly id: string; readonly text: string }
  | { readonly type: 'call'; readonly call: Call }

/** The chats of one user, and what is told of them. Every change goes through here, so none is forgotten to be told. */
export class Chats {
  readonly #feed = new Feed<ChatEvent>()
  readonly #conversations = new Map<string, Conversation>()
  readonly #user: string
  readonly #secret: string
  readonly #fleet: Fleet
  #affinity = true
  #playing = false
  #created = 0

  constructor(user: string, secret: string, fleet: Fleet) {
    this.#user = user
    this.#secret = secret
    this.#fleet = fleet
  }

  get affinity(): boolean {
    return this.#affinity
  }

  get playing(): boolean {
    return this.#playing
  }

  set(switches: { readonly affinity?: boolean; readonly playing?: boolean }): void {
    this.#affinity = switches.affinity ?? this.#affinity
    this.#playing = switches.playing ?? this.#playing
    this.#feed.publish({ type: 'switches', affinity: this.#affinity, playing: this.#playing })
  }

  create(): Conversation {
    this.#created += 1
    const conversation = newConversation(this.#user, this.#created, this.#secret)
    this.#conversations.set(conversation.id, conversation)
    const [oldest] = this.#conversations.keys()
    if (this.#conversations.size > MOST_CONVERSATIONS && oldest !== undefined) {
      this.#conversations.delete(oldest)
      this.#feed.publish({ type: 'removed', id: oldest })
    }
    this.#tell(conversation)
    return conversation
  }

  get(id: string): Conversation | undefined {
    return this.#conversations.get(id)
  }

  begin(conversation: Conversation, said: string): void {
    conversation.busy = true
    conversation.turns += 1
    this.#show(conversation, { role: 'user', text: said })
    this.#tell(conversation)
  }

  /** More text of the answer. */
  text(conversation: Conversation, text: string): void {
    const last = conversation.messages.at(-1)
    if (last?.role !== 'assistant') {
      this.#show(conversation, { role: 'assistant', text })
      return
    }
    last.text += text
    this.#publish(conversation, { type: 'text', id: conversation.id, text })
  }

  called(conversation: Conversation, kind: Kind, { text: _, ...answer }: Answer): void {
    const call = { ...answer, conversation: conversation.id, kind, turn: conversation.turns }
    keep(conversation.calls, call, MOST_CALLS)
    this.#publish(conversation, { type: 'call', call })
  }

  rename(conversation: Conversation, title: string): void {
    conversation.title = title
    this.#tell(conversation)
  }

  end(conversation: Conversation, error?: string): void {
    conversation.busy = false
    if (error !== undefined) this.#show(conversation, { role: 'error', text: error })
    this.#tell(conversation)
  }

  /** All there is, and then every change, as an event stream. */
  events(): ReadableStream<Uint8Array> {
    const all = [...this.#conversations.values()]
    return this.#feed.open({
      type: 'state',
      about: this.#fleet.about,
      replicas: this.#fleet.replicas,
      affinity: this.#affinity,
      playing: this.#playing,
      conversations: all.map((each) => ({ ...viewOf(each), messages: each.messages })),
      calls: all.flatMap(({ calls }) => calls),
    })
  }

  close(): void {
    this.#feed.close()
  }

  #show(conversation: Conversation, message: Message): void {
    keep(conversation.messages, message, MOST_MESSAGES)
    this.#publish(conversation, { type: 'message', id: conversation.id, message })
  }

  #tell(conversation: Conversation): void {
    this.#publish(conversation, { type: 'conversation', conversation: viewOf(conversation) })
  }

  #publish(conversation: Conversation, event: ChatEvent): void {
    // One that has been removed may still be in the middle of a turn.
    if (this.#conversations.has(conversation.id)) this.#feed.publish(event)
  }
}

function keep<T>(list: T[], added: T, most: number): void {
  list.push(added)
  if (list.length > most) list.shift()
}
