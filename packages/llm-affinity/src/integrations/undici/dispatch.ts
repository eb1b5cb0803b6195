import { hasListeners, recordOutcomeInContext } from '../../outcomes/outcomes.js'
import type { GuardedCall } from '../../session/call-scope.js'
import { type Context, capture } from '../../session/context.js'
import type { DispatchObserver } from '../../stamping/decorate-handler.js'
import type { ExtensionRequest, Target } from '../../stamping/extension.js'
import { releaseCall } from '../../stamping/guard.js'
import type { Policy } from '../../stamping/options.js'
import type { DispatchHeaders } from '../../stamping/request-headers.js'
import type { Stamp } from '../../stamping/stamp.js'

/** The dispatch options that are read here. Structural types: importing undici would have side effects. */
export interface DispatchRequest {
  readonly origin?: string | URL | undefined
  readonly path?: string
  readonly headers?: unknown
  readonly body?: unknown
}

/** One stamped dispatch. */
export class Dispatch implements GuardedCall, DispatchObserver {
  readonly names: readonly string[]
  readonly key: string
  readonly parent: readonly [name: string, key: string] | undefined
  readonly parts: readonly ExtensionRequest[]
  readonly origin: string
  readonly headers: DispatchHeaders
  crossed = false
  isCreated = false
  isTracked = false
  isOver = false
  readonly #policy: Policy
  readonly #target: Target
  readonly #stamp: Stamp
  readonly #request: DispatchRequest
  // undici calls handlers in the context in which the socket was opened.
  readonly #context: Context | undefined

  constructor(
    policy: Policy,
    target: Target,
    stamp: Stamp,
    origin: string,
    request: DispatchRequest,
    headers: DispatchHeaders,
  ) {
    this.names = target.gateway.headers
    this.key = stamp.key
    this.parent = stamp.parent
    this.parts = stamp.parts
    this.origin = origin
    this.#policy = policy
    this.#target = target
    this.#stamp = stamp
    this.#request = request
    this.headers = headers
    this.#context = hasListeners(policy.onOutcome) ? capture() : undefined
  }

  allows(origin: string): boolean {
    return this.#policy.isNamed(origin)
  }

  answered(status: unknown, headers: unknown): void {
    // Answers of other origins are not read. If nothing was sent, a cache or a mock has answered, not a backend.
    if (this.crossed || !this.isCreated) return
    const call = { target: this.#target, stamp: this.#stamp, body: this.#request.body }
    recordOutcomeInContext(this.#context, call, status, headers, this.#policy.onOutcome)
    for (const part of this.parts) part.answered(Number(status), headers)
  }

  ended(isFailed: boolean, error?: unknown): void {
    releaseCall(this)
    if (isFailed) for (const part of this.parts) part.failed(error)
  }
}
