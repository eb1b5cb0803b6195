// Hops of redirects that a fetch above undici follows.

import type { Session } from './session.js'
import { isSidecar, type Sidecar } from './speaking.js'
import type { DispatchRequest } from './undici.js'

const MAX_AWAITED_HOPS = 64

/**
 * To which origins the redirects lead that a fetch is about to follow. It dispatches them as new requests in its
 * caller's scope, so that they look like calls of their own.
 */
export class AwaitedHops {
  readonly #bySession = new WeakMap<object, string[]>()

  await(speaker: Session | Sidecar, origin: string): void {
    const session = sessionOf(speaker)
    const origins = this.#bySession.get(session) ?? []
    this.#bySession.set(session, origins)
    origins.push(origin)
    // Those that nobody followed. A call of the session's own to such an origin goes out unstamped, once.
    if (origins.length > MAX_AWAITED_HOPS) origins.shift()
  }

  take(speaker: Session | Sidecar, request: DispatchRequest): boolean {
    const origins = this.#bySession.get(sessionOf(speaker))
    const at = origins?.findIndex((origin) => isTo(request, origin)) ?? -1
    if (at >= 0) origins?.splice(at, 1)
    return at >= 0
  }
}

// A bound session makes a sidecar for each call.
function sessionOf(speaker: Session | Sidecar): object {
  return isSidecar(speaker) ? (speaker.session ?? speaker) : speaker
}

// Also where an interceptor above us has put an address in the place of the name, which is then in the Host header. To
// withhold a key, this may be believed; to give one, never.
function isTo(request: DispatchRequest, origin: string): boolean {
  const { host } = Object(request.headers)
  return originOf(request) === origin || (typeof host === 'string' && origin.endsWith(`//${host}`))
}

/** As a URL has it: in lower case, without a default port or a slash at the end. */
export function originOf({ origin }: DispatchRequest): string | undefined {
  if (typeof origin !== 'string') return origin?.origin
  return CANONICAL.test(origin) ? origin : URL.parse(origin)?.origin
}

const CANONICAL = /^https?:\/\/(?:[a-z][a-z0-9-]*|[0-9.]+):(?!0|80$|443$)\d+$/
