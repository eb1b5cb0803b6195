import { nameOf } from '../session/name.js'
import type { Session } from '../session/session.js'
import { heldBy, hold } from '../session/state.js'
import { Conversation } from './conversation.js'

const NAME = 'learned'

interface Seen {
  readonly name: string
  readonly of: Conversation
  epoch: number
}

/** The conversations of a process: bounded, the least recently used out first. A Session of the same id finds its own again. */
export class Registry {
  readonly #conversations = new Map<string, Conversation>()
  /** By session object, with the epoch that it had when it was last seen. */
  readonly #seen = new WeakMap<Session, Seen>()
  readonly #maxSessions: number
  readonly #idleMs: number

  constructor(maxSessions: number, idleMs: number) {
    this.#maxSessions = maxSessions
    this.#idleMs = idleMs
  }

  get size(): number {
    return this.#conversations.size
  }

  /** Whether this object was seen before. */
  has(session: Session): boolean {
    return this.#seen.has(session)
  }

  /** The conversation of a session, which is brought to its epoch. */
  of(session: Session): Conversation {
    const now = Date.now()
    const seen = this.#seen.get(session) ?? this.#firstSeen(session, now)
    const { of, name } = seen
    // The application has moved it.
    if (session.epoch !== seen.epoch) of.move(session.epoch)
    else if (of.epoch !== session.epoch) session.repin(of.epoch)
    seen.epoch = of.epoch
    of.usedAt = now
    this.#keep(name, of, now)
    return of
  }

  /** The conversation of a session, if there is one. Changes nothing. */
  peek(session: Session): Conversation | undefined {
    return this.#seen.get(session)?.of ?? this.#conversations.get(nameOf(session))
  }

  /** Forgets a conversation. */
  drop(session: Session): void {
    this.peek(session)?.forget()
    this.#conversations.delete(nameOf(session))
    this.#seen.delete(session)
    hold(session, NAME, new Conversation())
  }

  #firstSeen(session: Session, now: number): Seen {
    const name = nameOf(session)
    const known = this.#conversations.get(name)
    const isKnown = known !== undefined && now - known.usedAt <= this.#idleMs
    const held = heldBy(session)[NAME]
    const of = isKnown ? known : held instanceof Conversation ? held : new Conversation()
    if (!isKnown) {
      of.epoch = Math.max(of.epoch, session.epoch)
      // A fork that shares its parent's cache has its backend too.
      const { parent } = session
      if (parent !== undefined && parent.key === session.key)
        of.merge({ moves: of.moves, epoch: of.epoch, places: this.peek(parent)?.toJSON().places })
    }
    if (held !== undefined && held !== of) of.merge(held.toJSON())
    hold(session, NAME, of)
    // The higher epoch counts: the application may have moved this object before its first call.
    const seen = { name, of, epoch: Math.min(of.epoch, session.epoch) }
    this.#seen.set(session, seen)
    return seen
  }

  #keep(name: string, of: Conversation, now: number): void {
    this.#conversations.delete(name)
    this.#conversations.set(name, of)
    for (const [oldest, { usedAt }] of this.#conversations) {
      if (this.#conversations.size <= this.#maxSessions && now - usedAt <= this.#idleMs) break
      this.#conversations.delete(oldest)
    }
  }
}
