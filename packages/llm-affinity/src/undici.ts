import { type DispatchHeaders, restampDispatchHeaders, stampDispatchHeaders } from './carriers.js'
import type { Gateway } from './gateways.js'
import { type AffinityOptions, keyFor, type Policy, policyOf } from './policy.js'
import { isSidecar, type Session, type Sidecar, speaking } from './session.js'
import { warnOnce } from './warn.js'
import { isCallersOwn, type Watch, watched } from './watch.js'

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

/** A request's way through the interceptor, however often it comes by: as a retry, as a hop of a redirect. */
interface Trip {
  readonly speaker: Session | Sidecar | undefined
  readonly origin: string | undefined
  /** What stands there. Set when the first dispatch is stamped; hops to the same origin are under the same one. */
  gateway: Gateway | undefined
  /** It was sent on to another origin. From then on nothing is stamped, wherever it goes. */
  left: boolean
}

const REDIRECTS = [300, 301, 302, 303, 307, 308]
const MAX_AWAITED_HOPS = 64

/**
 * An undici interceptor that stamps the key of the session in whose scope a request is dispatched, in the words of the
 * gateway that it goes to.
 *
 * - It may stand anywhere in `compose`, above and below `retry` and `redirect`, on an Agent, a Pool or a Client. Above
 *   `retry`, all attempts of a request carry the key that the session had at the first.
 * - Without a session it passes the very options on. A header of the gateway that the caller has set is left alone, and
 *   nothing is added then.
 * - It stamps the origin that the caller asked for, or what `origins` names, and no other hop of the same request.
 * - It knows a request again by its handler. A handler object of your own that serves several requests is taken for
 *   one request: those of other sessions and to other origins than the first then go out without a key.
 * - It never throws an error of its own in flight: on a fault of ours the request goes out as it came, with one warning.
 *
 * @throws TypeError at set-up, when an option is wrong.
 *
 * @example
 * const agent = new Agent().compose(affinityInterceptor())
 */
export function affinityInterceptor(options: AffinityOptions = {}): AffinityInterceptor {
  const policy = policyOf(options)
  const trips = new WeakMap<object, Trip>()
  const hops = new AwaitedHops()

  function stamped(request: DispatchRequest, handler: object): { request: object; handler: object } {
    const speaker = speaking(policy.session)
    const isOnce = isCallersOwn(handler)
    const known = isOnce ? undefined : trips.get(handler)
    if (speaker === undefined && known === undefined) return { request, handler: watched(handler) }
    const trip = known ?? begun(request, speaker)
    if (known === undefined && !isOnce) trips.set(handler, trip)
    trip.left ||= originOf(request) !== trip.origin
    // Every way back to us keeps the scope. Where one did not, this may be anybody's request.
    const stamp = trip.left || !isSame(speaker, trip.speaker) ? undefined : stampFor(policy, trip, request)
    return {
      request: stamp === undefined ? request : { ...request, headers: stamp.headers },
      handler: watched(handler, new Journey(trip, hops, request, stamp)),
    }
  }

  function begun(request: DispatchRequest, speaker: Session | Sidecar | undefined): Trip {
    const left = isFromFetch(request) && speaker !== undefined && hops.take(speaker, urlOf(request))
    return { speaker, origin: originOf(request), gateway: undefined, left }
  }

  return (dispatch) =>
    function affinityDispatch(request, handler) {
      let sent: { request: object; handler: object } | undefined
      try {
        sent = stamped(request, handler)
      } catch {
        warnOnce('a fault of its own kept a request from being stamped. The request was sent without a key')
      }
      // The types of undici's own are kept: the copies have every member of what they were made from.
      return sent === undefined
        ? dispatch(request, handler)
        : dispatch(sent.request as typeof request, sent.handler as typeof handler)
    }
}

interface Stamp {
  readonly gateway: Gateway
  readonly key: string
  readonly headers: DispatchHeaders
}

function stampFor(policy: Policy, trip: Trip, request: DispatchRequest): Stamp | undefined {
  const gateway = trip.gateway ?? policy.gatewayAt(urlOf(request))
  trip.gateway = gateway
  const key = gateway && trip.speaker && keyFor(trip.speaker, gateway)
  if (!gateway || !key) return undefined
  const headers = stampDispatchHeaders(request.headers, gateway.headers, key)
  return headers && { gateway, key, headers }
}

/**
 * Watches one dispatch for redirects that would take our header along. Two kinds do not come back to us as the same
 * request: those of a `redirect` interceptor below us, and those of a `fetch` above us.
 */
class Journey implements Watch {
  readonly #trip: Trip
  readonly #hops: AwaitedHops
  readonly #request: DispatchRequest
  readonly #stamp: Stamp | undefined
  #controller: unknown
  #history: readonly unknown[] = []
  #judged = 0
  #away = false
  #armed = false

  constructor(trip: Trip, hops: AwaitedHops, request: DispatchRequest, stamp: Stamp | undefined) {
    this.#trip = trip
    this.#hops = hops
    this.#request = request
    this.#stamp = stamp
  }

  started(controller: unknown, context: unknown): void {
    this.#controller = controller
    const history: unknown = typeof context === 'object' && context !== null && 'history' in context && context.history
    if (!Array.isArray(history)) return
    // Only a redirect interceptor below us has a history. It keeps the headers that we gave it for its hops, and reads
    // their values when it sends one: from here on ours is a list that is empty away from home.
    if (history !== this.#history) this.#judged = 0
    this.#history = history
    if (this.#armed || this.#stamp === undefined) return
    this.#armed = true
    const { headers, gateway, key } = this.#stamp
    const value = new Proxy([key], {
      get: (list, name) => (name === 'length' && this.#isAway() ? 0 : Reflect.get(list, name)),
    })
    restampDispatchHeaders(headers, gateway.headers, value)
  }

  answered(status: unknown, headers: unknown): void {
    if (!isFromFetch(this.#request) || !REDIRECTS.includes(Number(status))) return
    const target = targetOf(headers, urlOf(this.#request))
    const { speaker, origin, left } = this.#trip
    if (speaker !== undefined && target !== undefined && (left || target.origin !== origin)) {
      this.#hops.await(speaker, placeOf(target))
    }
  }

  // Asked while undici makes the request of a hop, of which it tells us only where the last one was, and what it answered.
  #isAway(): boolean {
    const { length } = this.#history
    if (length > this.#judged) {
      this.#judged = length
      const { rawHeaders }: { rawHeaders?: unknown } = Object(this.#controller)
      const target = targetOf(rawHeaders, String(this.#history.at(-1)))
      this.#away ||= target === undefined || target.origin !== this.#trip.origin
    }
    return this.#away
  }
}

/**
 * Where the redirects that a fetch is about to follow lead. It dispatches them as new requests in its caller's scope,
 * so that they look like calls of their own.
 */
class AwaitedHops {
  readonly #bySpeaker = new WeakMap<object, string[]>()

  await(speaker: Session | Sidecar, url: string): void {
    const urls = this.#bySpeaker.get(speaker) ?? []
    this.#bySpeaker.set(speaker, urls)
    urls.push(url)
    // Those that nobody followed. A call of the session's own to such a place goes out unstamped, once.
    if (urls.length > MAX_AWAITED_HOPS) urls.shift()
  }

  take(speaker: Session | Sidecar, url: string | undefined): boolean {
    const urls = this.#bySpeaker.get(speaker)
    const parsed = urls?.length && url !== undefined ? URL.parse(url) : null
    const at = urls && parsed ? urls.indexOf(placeOf(parsed)) : -1
    if (at >= 0) urls?.splice(at, 1)
    return at >= 0
  }
}

function isSame(one: Session | Sidecar | undefined, other: Session | Sidecar | undefined): boolean {
  return one === other || (isSidecar(one) && isSidecar(other) && one.session === other.session)
}

// Every fetch sends this header, and no script can set it.
function isFromFetch(request: DispatchRequest): boolean {
  const { headers } = request
  return typeof headers === 'object' && headers !== null && 'sec-fetch-mode' in headers
}

function originOf({ origin }: DispatchRequest): string | undefined {
  return origin instanceof URL ? origin.origin : origin
}

function urlOf(request: DispatchRequest): string | undefined {
  const origin = originOf(request)
  return origin === undefined ? undefined : origin + (request.path ?? '')
}

// Without the fragment, and with an empty query like none: the forms in which fetch may ask for the same place.
function placeOf(url: URL): string {
  return url.origin + url.pathname + url.search
}

function targetOf(headers: unknown, from: string | undefined): URL | undefined {
  const location = locationIn(headers)
  return location === undefined ? undefined : (URL.parse(location, from) ?? undefined)
}

function locationIn(headers: unknown): string | undefined {
  if (Array.isArray(headers)) {
    const at = headers.findIndex((name, i) => i % 2 === 0 && String(name).toLowerCase() === 'location')
    return at < 0 ? undefined : String(headers[at + 1])
  }
  const { location }: { location?: unknown } = Object(headers)
  return location === undefined ? undefined : String(location)
}
