import type { Result } from '../gateways/gateway.js'
import { checkFunction, checkOptions, expected, kind } from '../util/errors.js'
import { warnOnce } from '../util/warn.js'
import { enter, iteratorIn, run, SCOPE_KIND, scopeKindOf } from './context.js'
import { childId, derivedKey, keyOf, randomKey } from './key.js'
import { heldBy, hold, isCount, isState, type SessionState } from './state.js'

// Older ancestors are dropped: a conversation may be forked at every turn, and a state may be forged.
const MAX_ANCESTORS = 64

/** Options for the key of a new session. */
export interface SessionOptions {
  /** A tenant. Equal ids of two tenants have different keys. */
  readonly namespace?: string
  /** Makes a key that cannot be computed from the id alone. The secret is not stored and not serialised. */
  readonly secret?: string
}

/** What an answer showed about the backend that served its call. */
export interface Outcome {
  /** The session whose key the call carried. For a side call to a gateway that requires a key, this is a lane. */
  readonly session: Session
  /** The name of the gateway, in the table or user-defined. */
  readonly gateway: string
  /** The origin that the call went to: `https://host:port`. */
  readonly origin: string
  /** The HTTP status of the answer, which can be an error. */
  readonly status: number
  readonly result: Result
  /** The backend, as the gateway names it. At most 256 printable characters. */
  readonly backend?: string
  /** What the gateway took the key from, as it reports it. */
  readonly source?: string
  /** The number of the gateway's own attempt that this answers, from 1. Each attempt of an SDK has an outcome of its own. */
  readonly attempt?: number
}

const LAST: unique symbol = Symbol.for('llm-affinity.outcome.v1')

/** What identifies a session that is not made from an id: a lane, a child, a fork or a restored session. */
class Identity {
  readonly key: string
  readonly parent: Session | undefined
  readonly epoch: number
  constructor(key: string, parent: Session | undefined, epoch = 0) {
    this.key = key
    this.parent = parent
    this.epoch = epoch
  }
}

/**
 * One conversation, for routing. It owns its id and key: changing them changes no client, configuration or other session.
 *
 * @example
 * const conversation = new Session()
 * await conversation.run(() => openai.chat.completions.create(turn))
 */
export class Session {
  /** The application's id of the conversation, in any form. It is only sent if it is a valid key. */
  readonly id: string
  #parent: Session | undefined
  readonly #base: string
  #epoch = 0
  #key: string

  /**
   * @param id Any string. Default: 32 random hex characters, a different session each time. A session with an empty id is
   *   not stamped, with one warning.
   * @throws TypeError if an argument has the wrong type.
   */
  constructor(id?: string, options?: SessionOptions)
  /** @internal */
  constructor(id: string | undefined, identity: Identity)
  constructor(id?: string, from: SessionOptions | Identity = {}) {
    if (id !== undefined && typeof id !== 'string') throw expected('`id` to be a string', kind(id))
    this.id = id ?? randomKey()
    if (from instanceof Identity) {
      this.#parent = from.parent
      let oldest = from.parent
      for (let i = 1; i < MAX_ANCESTORS && oldest !== undefined; i++) oldest = oldest.#parent
      if (oldest !== undefined) oldest.#parent = undefined
      this.#base = from.key
      this.#epoch = from.epoch
    } else {
      checkSessionOptions(from)
      this.#base = keyOf(this.id, from.namespace, from.secret)
      if (this.id === '') warnOnce('a session has an empty id. Its calls are not pinned')
    }
    this.#key = keyAt(this.#base, this.#epoch)
  }

  /** The session that this one is a lane, child or fork of. Dropped after 64 generations. */
  get parent(): Session | undefined {
    return this.#parent
  }

  /** The key that is sent for this session now: 8 to 64 characters of `[A-Za-z0-9_-]`, or empty for an empty id. */
  get key(): string {
    return this.#key
  }

  /**
   * The outcome of the last answer to a call that was stamped for this object. Answers without evidence only count where
   * there is a listener. Undefined if there is none yet.
   */
  get lastOutcome(): Outcome | undefined {
    const { [LAST]: outcome }: { readonly [LAST]?: Outcome } = Object(this)
    return outcome
  }

  /** Runs `fn` in the scope of this session: the same as `runWithSession(this, fn)`. */
  run<T>(fn: () => T): T {
    checkFunction(fn)
    return run(this.key === '' ? undefined : this, fn)
  }

  /**
   * A lane of this session, for side calls that are pinned by themselves. It has the same id and a key of its own, which only
   * depends on the session and the name, also after `repin`.
   */
  lane(name: string): Session {
    if (typeof name !== 'string') throw expected('`name` to be a string', kind(name))
    return create(this.id, new Identity(derivedKey('lane', this.#base, name), this))
  }

  /** The session of a sub-agent, with this one as its parent. With a name the key is always the same; without, it is random. */
  child(name?: string): Session {
    if (name === undefined) return create(undefined, new Identity(randomKey(), this))
    if (typeof name !== 'string') throw expected('`name` to be a string', kind(name))
    const key = derivedKey('child', this.#base, name)
    return create(childId(this.id, name, key), new Identity(key, this))
  }

  /** A conversation that starts with this one's history. With `shareCache` it has this one's key, and so its backend. */
  fork(options: { readonly shareCache?: boolean } = {}): Session {
    const { shareCache } = checkOptions(options, ['shareCache'], '{ shareCache: true }', 'fork options')
    return create(undefined, new Identity(shareCache === true ? this.#key : randomKey(), this))
  }

  /**
   * Wraps an async iterable so that its `next`, `return` and `throw` run in this session's scope, wherever it is read. Without
   * this, an async generator runs in the scope of its reader.
   */
  iterate<T>(source: AsyncIterable<T>): AsyncIterable<T> {
    if (typeof source?.[Symbol.asyncIterator] !== 'function')
      throw expected('`source` to be an async iterable', kind(source))
    return {
      [Symbol.asyncIterator]: () =>
        iteratorIn(
          this,
          enter(this, () => source[Symbol.asyncIterator]()),
        ),
    }
  }

  /** How often the session was moved, by `repin`. */
  get epoch(): number {
    return this.#epoch
  }

  /**
   * Starts the next epoch: a new key, so that the gateway selects a backend anew for the next call.
   *
   * @param epoch Another epoch to go to. 0 is the first.
   */
  repin(epoch: number = this.#epoch + 1): void {
    if (!isCount(epoch)) throw expected('`epoch` to be a whole number, 0 or more', kind(epoch))
    this.#epoch = epoch
    this.#key = keyAt(this.#base, this.#epoch)
  }

  /** The state of the session without its secret, for `Session.from`. */
  toJSON(): SessionState {
    const own = { version: 1, id: this.id, key: this.#base, epoch: this.#epoch } as const
    const held = Object.entries(heldBy(this)).map(([name, each]) => [name, each.toJSON()])
    return {
      ...own,
      ...(this.#parent && { parent: this.#parent.toJSON() }),
      ...(held.length > 0 && { held: Object.fromEntries(held) }),
    }
  }

  /**
   * Restores a session from the result of `toJSON`, with the same key, lanes and later epochs.
   *
   * @throws TypeError if the state is not a result of `toJSON`.
   */
  static from(state: SessionState): Session {
    return restored(state, MAX_ANCESTORS)
  }
}

Object.defineProperty(Session.prototype, SCOPE_KIND, { value: 'session' })

/** Sets the last outcome of a session, which may come from another copy of this package. */
export function setLastOutcome(session: Session, outcome: Outcome): void {
  // Not enumerable, so that logs and comparisons of sessions do not show it.
  if (!Reflect.has(session, LAST)) Reflect.defineProperty(session, LAST, { value: undefined, writable: true })
  Reflect.set(session, LAST, outcome)
}

// Not in the class: bundlers rename a class that refers to itself, and it would be logged as _Session.
function create(id: string | undefined, identity: Identity): Session {
  return new Session(id, identity)
}

function checkSessionOptions(options: SessionOptions): void {
  checkOptions(options, ['namespace', 'secret'], '{ namespace: "tenant-7" }', 'session options')
  // Present but undefined is a mistake, such as a variable that is not set, and would send the id as it is.
  for (const [name, value] of Object.entries(options)) {
    if (typeof value !== 'string' || value === '') {
      throw expected(`\`${name}\` to be a string that is not empty`, value === '' ? 'an empty one' : kind(value))
    }
  }
}

function keyAt(base: string, epoch: number): string {
  return epoch === 0 ? base : derivedKey('epoch', base, epoch)
}

function restored(state: SessionState, ancestors: number): Session {
  if (!isState(state)) throw expected('`state` to be what `toJSON()` of a session returned', kind(state))
  const parent = state.parent && ancestors > 0 ? restored(state.parent, ancestors - 1) : undefined
  const session = create(state.id, new Identity(state.key, parent, state.epoch))
  for (const [name, value] of Object.entries(Object(state.held))) hold(session, name, { toJSON: () => value })
  return session
}

/** Whether this is a session, of whichever copy of the package. */
export function isSession(value: unknown): value is Session {
  return scopeKindOf(value) === 'session'
}
