// The scope of one stamped call. Its requests, with their retries and redirects, are sent in it.

import { enter, hasContext, SCOPE_KIND, scopeKindOf } from './context.js'

/** A call that carries a key, with what the guard needs. */
export interface GuardedCall {
  /** The headers that carry the key, in lower case. */
  readonly names: readonly string[]
  readonly key: string
  readonly parent: readonly [name: string, key: string] | undefined
  /** The parts of extensions in it. What they add is for the call's own origin alone. */
  readonly parts: readonly { removeFrom(headers: unknown[]): void; ended(): void }[]
  /** The origin that the call was made to. */
  readonly origin: string
  /** Whether a request of this call may carry the key to this origin. */
  allows(origin: string): boolean
  /** Whether its last request went to an origin that is not allowed, and so had no key. */
  crossed: boolean
  /** Whether a request of the call was created in its scope. */
  isCreated: boolean
  /** Whether the guard looks for requests of the call outside of its scope. */
  isTracked: boolean
  /** Whether its answer is complete. After that only a cache sends requests for it, in the background. */
  isOver: boolean
}

/** The scope while a call passes through one of the integrations. */
export class CallScope {
  /** The scope around it: the session or side call that the call is made for. */
  readonly outer: unknown
  /** Undefined if the call was not stamped. */
  readonly call: GuardedCall | undefined
  /** Identifies the integration. */
  readonly owner: object
  constructor(outer: unknown, call: GuardedCall | undefined, owner: object) {
    this.outer = outer
    this.call = call
    this.owner = owner
  }
}

Object.defineProperty(CallScope.prototype, SCOPE_KIND, { value: 'call' })

export function isCallScope(value: unknown): value is CallScope {
  return scopeKindOf(value) === 'call'
}

/**
 * Runs `fn`, which sends a call, in the scope of that call. Without async context it only runs `fn`. Scopes of completed calls
 * around it are dropped, so that calls that start each other do not form an endless chain.
 */
export function runInCall<T>(outer: unknown, call: GuardedCall | undefined, owner: object, fn: () => T): T {
  if (!hasContext()) return fn()
  let around = outer
  while (isCallScope(around) && around.call?.isOver !== false) around = around.outer
  return enter(new CallScope(around, call, owner), fn)
}
