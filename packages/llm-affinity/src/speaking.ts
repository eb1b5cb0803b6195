// Who a request speaks for: what is entered, and what is found.

import { expected, kind } from './expected.js'
import { FRAME, frameOf } from './frame.js'
import { current, enter, hasContext } from './scope.js'
import { isSession, Session } from './session.js'

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

const NOBODY: object = { [FRAME]: 'nobody' }

export function isSidecar(value: unknown): value is Sidecar {
  return frameOf(value) === 'sidecar'
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
  if (typeof session === 'string') return new Session(session).run(fn)
  if (!isSession(session)) throw expected('`session` to be a Session or an id of one', kind(session))
  return session.run(fn)
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

/** Runs `fn` in the scope of a speaker or of nobody, where there is such a thing as a scope. */
export function runAs<T>(frame: object, fn: () => T): T {
  return hasContext ? enter(frame, fn) : fn()
}

/** Runs `fn` where no seam stamps anything: for the hops of a request that has left the origin it was meant for. */
export function runAsNobody<T>(fn: () => T): T {
  return runAs(NOBODY, fn)
}
