// The active scope: which session a request is made for, and what enters a scope.

import { expected, kind } from '../util/errors.js'
import { isCallScope } from './call-scope.js'
import { current, enter, hasContext, SCOPE_KIND, scopeKindOf } from './context.js'
import { isSession, Session } from './session.js'

/** The scope of side calls: code that belongs to a session but must not be pinned to it. `runWithoutSession` enters it. */
export class DetachedScope {
  readonly session: Session | undefined
  #lane: Session | undefined
  constructor(session: Session | undefined) {
    this.session = session
  }
  /** For gateways that refuse calls without a key: one of its own, never the session's. */
  get lane(): Session {
    this.#lane ??= this.session?.lane('side-call') ?? new Session()
    return this.#lane
  }
}

Object.defineProperty(DetachedScope.prototype, SCOPE_KIND, { value: 'detached' })

const SUPPRESSED: object = { [SCOPE_KIND]: 'suppressed' }

export function isDetachedScope(value: unknown): value is DetachedScope {
  return scopeKindOf(value) === 'detached'
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
  const here = innermost()
  return enter(new DetachedScope(isSession(here) ? here : isDetachedScope(here) ? here.session : undefined), fn)
}

// What a stamped call sends is sent for whoever made the call.
function innermost(): unknown {
  let here = current()
  while (isCallScope(here)) here = here.outer
  return here
}

/** The session whose scope this code runs in, or undefined: outside of any, and inside `runWithoutSession`. */
export function currentSession(): Session | undefined {
  const here = innermost()
  return isSession(here) ? here : undefined
}

/** Who a request made now speaks for. A bound session wins over the ambient one; a sidecar wins over both. */
export function activeScope(bound: Session | undefined): Session | DetachedScope | undefined {
  const here = innermost()
  if (here === undefined) return bound
  if (isDetachedScope(here)) return bound === undefined ? here : new DetachedScope(bound)
  if (!isSession(here)) return undefined
  return bound ?? here
}

/** Runs `fn` in the scope of a speaker or of nobody, where there is such a thing as a scope. */
function runInScope<T>(frame: object, fn: () => T): T {
  return hasContext() ? enter(frame, fn) : fn()
}

/** Runs `fn` where no seam stamps anything: for the hops of a request that has left the origin it was meant for. */
export function runSuppressed<T>(fn: () => T): T {
  return runInScope(SUPPRESSED, fn)
}
