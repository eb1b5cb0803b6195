import { expected, kind, quoted } from './expected.js'
import { derivedKey, isKey, keyOf, randomKey } from './key.js'
import { current, enter, hasContext } from './scope.js'
import { warnOnce } from './warn.js'

// What the scope holds carries this mark and not a class, so that two copies of the package understand each other.
const FRAME = Symbol.for('llm-affinity.frame.v1')
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
  /** The session that this one is a lane, child or fork of. */
  readonly parent?: Session
  readonly #base: string
  #epoch: number
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
      if (from.parent !== undefined) this.parent = from.parent
      this.#base = from.key
      this.#epoch = from.epoch
    } else {
      checkOptions(from)
      this.#base = keyOf(this.id, from.namespace, from.secret)
      this.#epoch = 0
      if (this.id === '') warnOnce('a session has an empty id. Its calls are not pinned')
    }
    this.#key = keyAt(this.#base, this.#epoch)
  }

  /** What goes on the wire for this session, now: 8 to 64 characters of `[A-Za-z0-9_-]`, or empty for an empty id. */
  get key(): string {
    return this.#key
  }

  /** Runs `fn` in the scope of this session: `runWithSession(this, fn)`. */
  run<T>(fn: () => T): T {
    return runWithSession(this, fn)
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
    return made(`${this.id}/${name}`, new Identity(derivedKey('child', this.#base, name), this))
  }

  /** A conversation that begins with this one's history. With `shareCache` it keeps this one's key, and so its backend. */
  fork(options: { readonly shareCache?: boolean } = {}): Session {
    return made(undefined, new Identity(options.shareCache === true ? this.#key : randomKey(), this))
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
    return this.parent === undefined ? own : { ...own, parent: this.parent.toJSON() }
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

Object.defineProperty(Session.prototype, FRAME, { value: 'session' })

// Not in the class: a class that names itself loses its name to a bundler, and shows as _Session.
function made(id: string | undefined, identity: Identity): Session {
  return new Session(id, identity)
}

function checkOptions(options: SessionOptions): void {
  if (typeof options !== 'object' || options === null) throw expected('session options to be an object', kind(options))
  // Said but undefined is a mistake, such as a variable that is not set, and would send the id as it is.
  for (const [name, value] of Object.entries(options)) {
    if (name !== 'namespace' && name !== 'secret') {
      throw expected('session options to be `namespace` and `secret`', quoted(name))
    }
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
  // Ancestors beyond all use are let go: a conversation may be forked at every turn, and a state may be forged.
  const parent = state.parent && ancestors > 0 ? restored(state.parent, ancestors - 1) : undefined
  return made(state.id, new Identity(state.key, parent, state.epoch))
}

function iteratorIn<T>(session: Session, source: AsyncIterator<T>): AsyncIterator<T> {
  const { return: end, throw: fail } = source
  const inside: AsyncIterableIterator<T> = {
    next: (...args) => enter(session, () => source.next(...args)),
    [Symbol.asyncIterator]: () => inside,
  }
  if (end !== undefined) inside.return = (value) => enter(session, () => end.call(source, value))
  if (fail !== undefined) inside.throw = (error) => enter(session, () => fail.call(source, error))
  return inside
}

/** Code that belongs to a session but must not be pinned to it: what `runWithoutSession` enters. */
export class Sidecar {
  readonly session: Session | undefined
  #lane: Session | undefined
  constructor(session: Session | undefined) {
    this.session = session
  }
  /** For gateways that refuse calls without a key: one of its own, never the session's. */
  get lane(): Session {
    this.#lane ??= this.session?.lane('sidecar') ?? new Session()
    return this.#lane
  }
}

Object.defineProperty(Sidecar.prototype, FRAME, { value: 'sidecar' })

const NOBODY = { [FRAME]: 'nobody' }

function frame(value: unknown): unknown {
  return typeof value === 'object' && value !== null && FRAME in value ? value[FRAME] : undefined
}

export function isSession(value: unknown): value is Session {
  return frame(value) === 'session'
}

export function isSidecar(value: unknown): value is Sidecar {
  return frame(value) === 'sidecar'
}

/**
 * Runs `fn` in the scope of a session: every LLM call that it makes through one of the seams carries the session's key,
 * however deep, after however many awaits. Scopes nest; the inner one counts.
 *
 * @param session A session, or an id of one. An id may be of any form; an empty one is as no session.
 * @returns What `fn` returns, a promise included.
 * @throws TypeError for arguments of the wrong type, and on runtimes without async context.
 *
 * @example
 * await runWithSession('conversation-42', () => openai.chat.completions.create(turn))
 */
export function runWithSession<T>(session: Session | string, fn: () => T): T {
  if (typeof session !== 'string' && !isSession(session)) {
    throw expected('`session` to be a Session or an id of one', kind(session))
  }
  if (typeof fn !== 'function') throw expected('`fn` to be a function', kind(fn))
  const entered = typeof session === 'string' ? new Session(session) : session
  return enter(entered.key === '' ? undefined : entered, fn)
}

/**
 * Runs `fn` outside of any session: nothing in here is pinned, not even a call through a client with a bound session.
 * For sidecars, which would push the conversation out of its backend's cache: titles, compaction, memory extraction.
 *
 * @example
 * await runWithoutSession(() => openai.chat.completions.create(title))
 */
export function runWithoutSession<T>(fn: () => T): T {
  if (typeof fn !== 'function') throw expected('`fn` to be a function', kind(fn))
  const here = current()
  return enter(new Sidecar(isSession(here) ? here : isSidecar(here) ? here.session : undefined), fn)
}

/** The session whose scope this code runs in, or undefined: outside of any, and inside `runWithoutSession`. */
export function currentSession(): Session | undefined {
  const here = current()
  return isSession(here) ? here : undefined
}

/** Who a request made now speaks for. A bound session wins over the ambient one; a sidecar wins over both. */
export function speaking(bound: Session | undefined): Session | Sidecar | undefined {
  const here = current()
  if (here === undefined) return bound
  if (isSidecar(here)) return bound === undefined ? here : new Sidecar(bound)
  if (!isSession(here)) return undefined
  return bound ?? here
}

/** Runs `fn` in the scope of a speaker, where there is such a thing. */
export function runAs<T>(speaker: Session | Sidecar, fn: () => T): T {
  return hasContext ? enter(speaker, fn) : fn()
}

/** Runs `fn` where no seam stamps anything: for the hops of a request that has left the origin it was meant for. */
export function runAsNobody<T>(fn: () => T): T {
  return hasContext ? enter(NOBODY, fn) : fn()
}
