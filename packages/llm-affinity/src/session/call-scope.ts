// The scope of one stamped call: what is sent, retried or redirected on its behalf runs in it, and nothing else does.

import { enter, hasContext, SCOPE_KIND, scopeKindOf } from './context.js'

/** A call that carries a key, as the guard has to know it. */
export interface GuardedCall {
  /** The headers that carry the key, in lower case. */
  readonly names: readonly string[]
  readonly key: string
  readonly parent: readonly [name: string, key: string] | undefined
  /** The origin that the call was made to. */
  readonly origin: string
  /** Whether a request of this call may carry the key to this origin. */
  allows(origin: string): boolean
  /** Whether its last request went to an origin that is not allowed, and so without the key. */
  crossed: boolean
  /** Whether a request of it was created within its scope. */
  isCreated: boolean
  /** Whether the guard looks for requests of it outside of its scope. */
  isTracked: boolean
  /** Whether its answer is complete: nothing is sent for it any more, except by a cache in the background. */
  isOver: boolean
}

/** What the store holds while a call is sent that passes one of the integrations. */
export class CallScope {
  /** What the store held before: the session or side call that the call is made for. */
  readonly outer: unknown
  /** Undefined: the call carries no key of ours. */
  readonly call: GuardedCall | undefined
  /** What identifies the integration. */
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
 * Runs `fn`, which sends a call, in the scope of that call. Without async context it just runs. What is over around it is
 * let go: calls that begin one another make no endless chain.
 */
export function runInCall<T>(outer: unknown, call: GuardedCall | undefined, owner: object, fn: () => T): T {
  if (!hasContext()) return fn()
  let around = outer
  while (isCallScope(around) && around.call?.isOver !== false) around = around.outer
  return enter(new CallScope(around, call, owner), fn)
}
