import { type DispatchHeaders, hasDispatchHeader, restampDispatchHeaders, stampDispatchHeaders } from './carriers.js'
import type { Gateway } from './gateways.js'
import { leadsTo } from './location.js'
import { type AffinityOptions, keyFor, policyOf } from './policy.js'
import type { Session } from './session.js'
import { isSidecar, type Sidecar, speaking } from './speaking.js'
import { warnOnce } from './warn.js'
import { type Watch, watched } from './watch.js'

/** What this seam reads of undici's dispatch options. Structural: the types need no undici, and importing it has side effects. */
export interface DispatchRequest {
  readonly origin?: string | URL | undefined
  readonly path?: string
  readonly headers?: unknown
}

/** An interceptor for `compose` of undici 7 and 8: a `Dispatcher.DispatcherComposeInterceptor`. */
export type AffinityInterceptor = <Request extends DispatchRequest, Handler extends object>(
  dispatch: (request: Request, handler: Handler) => boolean,
) => (request: Request, handler: Handler) => boolean

const REDIRECTS = [300, 301, 302, 303, 307, 308]
const MAX_AWAITED_HOPS = 64

/**
 * An undici interceptor that stamps the key of the session in whose scope a request is dispatched, in the words of the
 * gateway that it goes to.
 *
 * - It may stand anywhere in `compose`, above and below `retry` and `redirect`, on an Agent, a Pool or a Client. Two
 *   things are better below it: what copies headers, if `redirect` is below that again; and `dns`, which hides the
 *   origin that `origins` is compared with. Above `retry`, all attempts carry the key that the session had at the first.
 * - Without a session it passes the very options on. A header of the gateway that the caller has set is left alone, and
 *   nothing is added then.
 * - It stamps the origin that the caller asked for, or what `origins` names, and no hop of a redirect to another origin.
 *   A request without an origin, as undici 7 makes on a Pool or Client, is not stamped where `origins` is given.
 * - Handlers are called in the scope that their request was dispatched in, not in that of whoever opened the socket.
 * - It never throws an error of its own in flight: on a fault of ours the request goes out as it came, with one warning.
 *
 * @throws TypeError at set-up, when an option is wrong.
 *
 * @example
 * const agent = new Agent().compose(affinityInterceptor())
 */
export function affinityInterceptor(options: AffinityOptions = {}): AffinityInterceptor {
  const policy = policyOf(options)
  const hops = new AwaitedHops()

  function stamped(request: DispatchRequest, handler: object, below: Below): { request: object; handler: object } {
    const speaker = speaking(policy.session)
    if (speaker === undefined) return { request, handler: watched(handler) }
    const way = new Way(speaker, request, hops, below)
    const gateway = way.left ? undefined : policy.gatewayAt(way.url)
    const headers = gateway && way.stamp(gateway)
    return {
      request: headers === undefined ? request : { ...request, headers },
      handler: watched(handler, way),
    }
  }

  return (dispatch) => {
    const below: Below = { redirects: false }
    return function affinityDispatch(request, handler) {
      let sent: { request: object; handler: object } | undefined
      try {
        sent = stamped(request, handler, below)
      } catch {
        warnOnce('a fault of its own kept a request from being stamped. The request was sent without a key')
      }
      // The types of undici's own are kept: the copies have every member of what they were made from.
      return sent === undefined
        ? dispatch(request, handler)
        : dispatch(sent.request as typeof request, sent.handler as typeof handler)
    }
  }
}

/** What is learnt of the interceptors between us and the socket. */
interface Below {
  redirects: boolean
}

/**
 * One dispatch, watched for redirects that would take our header along. An interceptor above us dispatches a hop from
 * inside of its handler, which is called as nobody once the request has left. Two kinds come by otherwise: the hops of a
 * `redirect` interceptor below us do not come by at all, and those of a `fetch` above us come as requests of their own.
 */
class Way implements Watch {
  left: boolean
  readonly url: string | undefined
  readonly #speaker: Session | Sidecar
  readonly #request: DispatchRequest
  readonly #origin: string | undefined
  readonly #awaited: AwaitedHops | undefined
  readonly #below: Below
  #headers: DispatchHeaders | undefined
  #names: readonly string[] = []
  #key = ''
  #controller: unknown
  #history: readonly unknown[] = []
  #judged = 0
  #isAway = false

  constructor(speaker: Session | Sidecar, request: DispatchRequest, hops: AwaitedHops, below: Below) {
    this.#speaker = speaker
    this.#request = request
    this.#origin = originOf(request)
    this.url = this.#origin && this.#origin + (request.path ?? '')
    this.#below = below
    // Every fetch sends this header, and no script can set it.
    this.#awaited = hasDispatchHeader(request.headers, 'sec-fetch-mode') ? hops : undefined
    this.left = this.#awaited?.take(speaker, request) === true
  }

  /** The request's headers with the key, or undefined where nothing is to be added. */
  stamp(gateway: Gateway): DispatchHeaders | undefined {
    const key = keyFor(this.#speaker, gateway)
    if (key === undefined) return undefined
    this.#key = key
    this.#names = gateway.headers
    const value = this.#below.redirects ? this.#onlyAtHome() : key
    this.#headers = stampDispatchHeaders(this.#request.headers, this.#names, value)
    return this.#headers
  }

  started(controller: unknown, context: unknown): void {
    this.#controller = controller
    const { history }: { history?: unknown } = Object(context)
    if (!Array.isArray(history)) return
    // Only a redirect interceptor below us has a history.
    if (history !== this.#history) {
      this.#history = history
      this.#judged = 0
    }
    if (this.#below.redirects) return
    // The first request is already written when we learn this, but its hops are still made from the headers that we gave.
    this.#below.redirects = true
    if (this.#headers !== undefined) restampDispatchHeaders(this.#headers, this.#names, this.#onlyAtHome())
  }

  answered(status: unknown, headers: unknown): void {
    if (!REDIRECTS.includes(Number(status))) return
    const target = targetOf(headers, this.url)
    if (!target || (!this.left && target.origin === this.#origin)) return
    this.#awaited?.await(this.#speaker, target.origin)
    this.left = true
  }

  // A value that undici reads when it makes a request of these headers: a list, which is empty away from home.
  #onlyAtHome(): readonly string[] {
    return new Proxy([this.#key], {
      get: (list, name) => (name === 'length' && !this.#isHome() ? 0 : Reflect.get(list, name)),
    })
  }

  // Of the hop that is being made we know only where the last one was, and what it answered. No location means that it
  // is the last one again; no headers at all, that we cannot know.
  #isHome(): boolean {
    const { length } = this.#history
    if (length > this.#judged) {
      this.#judged = length
      const last = String(this.#history.at(-1))
      const { rawHeaders }: { rawHeaders?: unknown } = Object(this.#controller)
      const target = rawHeaders && (targetOf(rawHeaders, last) ?? URL.parse(last))
      this.#isAway ||= !(target instanceof URL) || target.origin !== this.#origin
    }
    return !this.#isAway
  }
}

/**
 * To which origins the redirects lead that a fetch is about to follow. It dispatches them as new requests in its
 * caller's scope, so that they look like calls of their own.
 */
class AwaitedHops {
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

// As a URL has it: in lower case, without a default port or a slash at the end.
function originOf({ origin }: DispatchRequest): string | undefined {
  if (typeof origin !== 'string') return origin?.origin
  return CANONICAL.test(origin) ? origin : URL.parse(origin)?.origin
}

const CANONICAL = /^https?:\/\/(?:[a-z][a-z0-9-]*|[0-9.]+):(?!0|80$|443$)\d+$/

function targetOf(headers: unknown, from: string | undefined): URL | undefined {
  const location = locationIn(headers)
  return location === undefined || from === undefined ? undefined : (leadsTo(location, from) ?? undefined)
}

function locationIn(headers: unknown): string | undefined {
  const found = Array.isArray(headers)
    ? headers.filter((_, i) => i % 2 === 1 && String(headers[i - 1]).toLowerCase() === 'location')
    : [Object(headers).location].flat()
  // Several are read as fetch reads them.
  return found[0] === undefined ? undefined : found.map(asCharacters).join(', ')
}

function asCharacters(value: unknown): string {
  return value instanceof Uint8Array ? String.fromCharCode(...value) : String(value)
}
