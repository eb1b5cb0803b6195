// The active scope: which session a request is made for, and what enters a scope.

import { checkFunction, expected, kind } from '../util/errors.js'
import { isCallScope } from './call-scope.js'
import { current, enter, hasContext, run, SCOPE_KIND, scopeKindOf } from './context.js'
import { isSession, Session } from './session.js'

/** The scope of side calls: code that belongs to a session but must not be pinned to it. `runWithoutSession` enters it. */
export class DetachedScope {
  readonly session: Session | undefined
  #lane: Session | undefined
  constructor(session: Session | undefined) {
    this.session = session
  }
  /** The lane for gateways that reject calls without a key: its key is never the session's. */
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
 * Runs `fn` in the scope of a session: every LLM call that it makes through one of the integrations carries the session's
 * key, at any depth and after any number of awaits. Scopes nest; the innermost one counts.
 *
 * @param session A session, or the id of one. An id can have any form; an empty id is ignored, with one warning.
 * @returns The result of `fn`, which can be a promise.
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
 * Runs `fn` outside of any session: no call in it is pinned, not even one through a client with a bound session. For side
 * calls, which would evict the conversation from the cache of its backend: titles, compaction, memory extraction.
 *
 * @example
 * await runWithoutSession(() => openai.chat.completions.create(title))
 */
export function runWithoutSession<T>(fn: () => T): T {
  checkFunction(fn)
  const scope = innermost()
  return run(new DetachedScope(isSession(scope) ? scope : isDetachedScope(scope) ? scope.session : undefined), fn)
}

// Requests of a stamped call belong to the scope in which the call was made.
function innermost(): unknown {
  let scope = current()
  while (isCallScope(scope)) scope = scope.outer
  return scope
}

/** The session in whose scope this code runs. Undefined outside of any session and inside `runWithoutSession`. */
export function currentSession(): Session | undefined {
  const scope = innermost()
  return isSession(scope) ? scope : undefined
}

/** The scope that a request made now belongs to. A bound session overrides the current one; a side call overrides both. */
export function activeScope(bound: Session | undefined): Session | DetachedScope | undefined {
  const scope = innermost()
  if (scope === undefined) return bound
  if (isDetachedScope(scope)) return bound === undefined ? scope : new DetachedScope(bound)
  if (!isSession(scope)) return undefined
  return bound ?? scope
}

/** Runs `fn` in a scope; without async context it only runs `fn`. */
function runInScope<T>(scope: object, fn: () => T): T {
  return hasContext() ? enter(scope, fn) : fn()
}

/** Runs `fn` in a scope in which nothing is stamped: for hops of a redirected request to other origins. */
export function runSuppressed<T>(fn: () => T): T {
  return runInScope(SUPPRESSED, fn)
}
