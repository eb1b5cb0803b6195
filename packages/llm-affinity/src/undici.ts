import {
  type DispatchHeaders,
  hasDispatchHeader,
  readDispatchHeader,
  restampDispatchHeaders,
  stampDispatchHeaders,
} from './carriers.js'
import { AwaitedHops, originOf } from './hops.js'
import { leadsTo } from './location.js'
import { heard, isHeard, isTold } from './outcomes.js'
import { type AffinityOptions, type Place, type Policy, policyOf, type Stamp, stampOf } from './policy.js'
import { snapshot } from './scope.js'
import type { Session } from './session.js'
import { type Sidecar, speaking } from './speaking.js'
import { warnOnce } from './warn.js'
import { type Watch, watched } from './watch.js'

/** What this seam reads of undici's dispatch options. Structural: the types need no undici, and importing it has side effects. */
export interface DispatchRequest {
  readonly origin?: string | URL | undefined
  readonly path?: string
  readonly headers?: unknown
  readonly body?: unknown
}

/** An interceptor for `compose` of undici 7 and 8: a `Dispatcher.DispatcherComposeInterceptor`. */
export type AffinityInterceptor = <Request extends DispatchRequest, Handler extends object>(
  dispatch: (request: Request, handler: Handler) => boolean,
) => (request: Request, handler: Handler) => boolean

const REDIRECTS = [300, 301, 302, 303, 307, 308]

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
    const way = new Way(policy, speaker, request, hops, below)
    const headers = way.stamp()
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

function here<T>(fn: () => T): T {
  return fn()
}

/**
 * One dispatch, watched for redirects that would take our header along. An interceptor above us dispatches a hop from
 * inside of its handler, which is called as nobody once the request has left. Two kinds come by otherwise: the hops of a
 * `redirect` interceptor below us do not come by at all, and those of a `fetch` above us come as requests of their own.
 */
class Way implements Watch {
  left: boolean
  readonly url: string | undefined
  readonly #policy: Policy
  readonly #speaker: Session | Sidecar
  readonly #request: DispatchRequest
  readonly #origin: string | undefined
  readonly #awaited: AwaitedHops | undefined
  readonly #below: Below
  #headers: DispatchHeaders | undefined
  #asked: { readonly place: Place; readonly stamp: Stamp } | undefined
  // undici calls handlers in the context of whoever opened the socket.
  #inContext: <T>(fn: () => T) => T = here
  #controller: unknown
  #history: readonly unknown[] = []
  #judged = 0
  #isAway = false
  #isGuarded = false

  constructor(policy: Policy, speaker: Session | Sidecar, request: DispatchRequest, hops: AwaitedHops, below: Below) {
    this.#policy = policy
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
  stamp(): DispatchHeaders | undefined {
    const place = this.left ? undefined : this.#policy.placeAt(this.url)
    const stamp = place && stampOf(this.#speaker, place.gateway)
    if (place === undefined || stamp === undefined || place.gateway.headers.length === 0) return undefined
    const { key, parent } = stamp
    const { redirects } = this.#below
    this.#isGuarded = redirects
    this.#headers = stampDispatchHeaders(
      this.#request.headers,
      place.gateway.headers,
      redirects ? this.#onlyAtHome(key) : key,
      parent && [parent[0], redirects ? this.#onlyAtHome(parent[1]) : parent[1]],
    )
    if (this.#headers !== undefined) {
      this.#asked = { place, stamp }
      if (isTold(this.#policy.onOutcome)) this.#inContext = snapshot()
    }
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
    this.#below.redirects = true
    if (this.#isGuarded) return
    // The first requests are already written when we learn this, but their hops are still made from the headers that we gave.
    this.#isGuarded = true
    if (this.#headers === undefined || this.#asked === undefined) return
    const {
      place: { gateway },
      stamp: { key, parent },
    } = this.#asked
    restampDispatchHeaders(this.#headers, gateway.headers, this.#onlyAtHome(key))
    // Not where the caller has named one.
    if (parent === undefined || readDispatchHeader(this.#headers, parent[0]) !== parent[1]) return
    restampDispatchHeaders(this.#headers, [parent[0]], this.#onlyAtHome(parent[1]))
  }

  answered(status: unknown, headers: unknown): void {
    const target = REDIRECTS.includes(Number(status)) ? targetOf(headers, this.url) : undefined
    if (target && (this.left || target.origin !== this.#origin)) {
      this.#awaited?.await(this.#speaker, target.origin)
      this.left = true
    }
    if (this.#asked === undefined || this.left || this.#isAway) return
    const { place, stamp } = this.#asked
    if (!isHeard(place.gateway, this.#policy.onOutcome)) return
    const asked = { place, stamp, body: this.#request.body }
    const read = (name: string): string | undefined => readDispatchHeader(headers, name)
    this.#inContext(() => heard(asked, Number(status), read, this.#policy.onOutcome))
  }

  // A value that undici reads when it makes a request of these headers: a list, which is empty away from home.
  #onlyAtHome(value: string): readonly string[] {
    return new Proxy([value], {
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

function targetOf(headers: unknown, from: string | undefined): URL | undefined {
  const location = readDispatchHeader(headers, 'location')
  return location === undefined || from === undefined ? undefined : (leadsTo(location, from) ?? undefined)
}
