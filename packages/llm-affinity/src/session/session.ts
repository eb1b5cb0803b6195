import type { Result } from '../gateways/gateway.js'
import { checkOptions, expected, kind } from '../util/errors.js'
import { warnOnce } from '../util/warn.js'
import { enter, iteratorIn, SCOPE_KIND, scopeKindOf } from './context.js'
import { childId, derivedKey, isKey, keyOf, randomKey } from './key.js'

// Those beyond are let go: a conversation may be forked at every turn, and a state may be forged.
const MAX_ANCESTORS = 64

/** How the key of a new session is made. */
export interface SessionOptions {
  /** A tenant. Ids of two tenants never meet on a gateway, whatever they are. */
  readonly namespace?: string
  /** Makes the key one that an outsider who knows the id cannot compute. It is not kept and not serialised. */
  readonly secret?: string
}

/** A session as plain data, for a store between two turns. Holds ids and keys: treat it as you treat them. */
export interface SessionState {
  readonly version: 1
  readonly id: string
  /** The key at epoch 0. */
  readonly key: string
  readonly epoch: number
  readonly parent?: SessionState | null
}

/** What an answer said of where its call was served: evidence, judged. */
export interface Outcome {
  /** Whose key the call carried: for a sidecar of a gateway that refuses calls without one, a lane. */
  readonly session: Session
  /** The name of the gateway's row. */
  readonly gateway: string
  /** Where the call went: `https://host:port`. */
  readonly origin: string
  /** The HTTP status of the answer. An error is an answer too. */
  readonly status: number
  readonly result: Result
  /** Who served it, in the gateway's words. At most 256 printable characters. */
  readonly backend?: string
  /** What the gateway took the key from, in its words. */
  readonly source?: string
  /** Which of the gateway's own tries this is the answer of; 1 is the first. The attempts of an SDK have an outcome each. */
  readonly attempt?: number
}

const LAST: unique symbol = Symbol.for('llm-affinity.outcome.v1')

/** What is known of a session that is not made from an id: a lane, a child, a fork, a restored one. */
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
 * One conversation, as routing sees it. It owns everything about itself: no client, config or other session changes
 * when it does.
 *
 * @example
 * const conversation = new Session()
 * await conversation.run(() => openai.chat.completions.create(turn))
 */
export class Session {
  /** The application's own id of the conversation; of any form, never sent unless it is safe on the wire. */
  readonly id: string
  #parent: Session | undefined
  readonly #base: string
  #epoch = 0
  #key: string

  /**
   * @param id Any text. Left out or undefined: 32 random hex characters, another session each time. Empty: as no session,
   *   with one warning.
   * @throws TypeError when an argument is of the wrong type.
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

  /** The session that this one is a lane, child or fork of. Forgotten once 64 generations have come after this one. */
  get parent(): Session | undefined {
    return this.#parent
  }

  /** What goes on the wire for this session, now: 8 to 64 characters of `[A-Za-z0-9_-]`, or empty for an empty id. */
  get key(): string {
    return this.#key
  }

  /**
   * The outcome of the last answer to a call with this session's key that this object made, if the answer had evidence or
   * somebody listened. Undefined: none yet.
   */
  get lastOutcome(): Outcome | undefined {
    const { [LAST]: outcome }: { readonly [LAST]?: Outcome } = Object(this)
    return outcome
  }

  /** Runs `fn` in the scope of this session: the same as `runWithSession(this, fn)`. */
  run<T>(fn: () => T): T {
    if (typeof fn !== 'function') throw expected('`fn` to be a function', kind(fn))
    return enter(this.key === '' ? undefined : this, fn)
  }

  /**
   * A side path of this session: titles, memory extraction. The same id, a key of its own, which is the same whenever
   * and wherever the lane of this name is asked for, also after `repin`.
   */
  lane(name: string): Session {
    if (typeof name !== 'string') throw expected('`name` to be a string', kind(name))
    return made(this.id, new Identity(derivedKey('lane', this.#base, name), this))
  }

  /** A sub-agent's session, which remembers its parent. Named: the same key each time. Unnamed: a random one. */
  child(name?: string): Session {
    if (name === undefined) return made(undefined, new Identity(randomKey(), this))
    if (typeof name !== 'string') throw expected('`name` to be a string', kind(name))
    const key = derivedKey('child', this.#base, name)
    return made(childId(this.id, name, key), new Identity(key, this))
  }

  /** A conversation that begins with this one's history. With `shareCache` it keeps this one's key, and so its backend. */
  fork(options: { readonly shareCache?: boolean } = {}): Session {
    const { shareCache } = checkOptions(options, ['shareCache'], '{ shareCache: true }', 'fork options')
    return made(undefined, new Identity(shareCache === true ? this.#key : randomKey(), this))
  }

  /**
   * A source whose `next`, `return` and `throw` run in this session's scope, whoever reads it and wherever. An async
   * generator otherwise speaks for the session of its reader.
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

  /** Starts the next epoch: a new key, so that the gateway routes the next call afresh. */
  repin(): void {
    this.#epoch++
    this.#key = keyAt(this.#base, this.#epoch)
  }

  /** Everything but secrets, for `Session.from`. */
  toJSON(): SessionState {
    const own = { version: 1, id: this.id, key: this.#base, epoch: this.#epoch } as const
    return this.#parent === undefined ? own : { ...own, parent: this.#parent.toJSON() }
  }

  /**
   * The session that `toJSON` described, with the same key, lanes and epochs to come.
   *
   * @throws TypeError when the state is not one that `toJSON` returned.
   */
  static from(state: SessionState): Session {
    return restored(state, MAX_ANCESTORS)
  }
}

Object.defineProperty(Session.prototype, SCOPE_KIND, { value: 'session' })

/** Hands a session, of whichever copy of the package, what was learnt of it. */
export function learn(session: Session, outcome: Outcome): void {
  // Not enumerable: a session shows what it is, not what happened to it.
  if (!Reflect.has(session, LAST)) Reflect.defineProperty(session, LAST, { value: undefined, writable: true })
  Reflect.set(session, LAST, outcome)
}

// Not in the class: a class that names itself loses its name to a bundler, and shows as _Session.
function made(id: string | undefined, identity: Identity): Session {
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
  const sound =
    typeof state === 'object' &&
    state !== null &&
    state.version === 1 &&
    typeof state.id === 'string' &&
    typeof state.key === 'string' &&
    (state.key === '' || isKey(state.key)) &&
    Number.isSafeInteger(state.epoch) &&
    state.epoch >= 0
  if (!sound) throw expected('`state` to be what `toJSON()` of a session returned', kind(state))
  const parent = state.parent && ancestors > 0 ? restored(state.parent, ancestors - 1) : undefined
  return made(state.id, new Identity(state.key, parent, state.epoch))
}

/** Whether this is a session, of whichever copy of the package. */
export function isSession(value: unknown): value is Session {
  return scopeKindOf(value) === 'session'
}
