import { withField } from './body.js'
import { stampHeaders } from './carriers.js'
import { expected, kind } from './expected.js'
import { type Call, follow, isRedirect, isSafe } from './follow.js'
import { heard, isHeard } from './outcomes.js'
import { type AffinityOptions, checked, type Place, type Policy, policyOf, type Stamp, stampOf } from './policy.js'
import type { Session } from './session.js'
import { runAs, type Sidecar, speaking } from './speaking.js'
import { warnOnce } from './warn.js'

/** What every SDK takes as its `fetch`. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/**
 * A fetch that stamps the key of the session in whose scope it is called, in the words of the gateway that it calls.
 * Hand it to any SDK that takes a `fetch`, or call it yourself.
 *
 * - It runs once per attempt, retries of the SDK included, and reads the session each time.
 * - Without a session it passes the very arguments on. A header of the gateway that the caller has set is left alone,
 *   and nothing is added then.
 * - It follows redirects of the calls that it stamped itself, as the fetch standard says, so that no other origin sees
 *   the key.
 * - It never reads a body, never changes what it was given, and never throws an error of its own in flight: on a fault
 *   of ours the request goes out as it came, with one warning.
 *
 * @param options.fetch What sends. Default: the global fetch, looked up at each call.
 * @throws TypeError at set-up, when an option is wrong.
 *
 * @example
 * const openai = new OpenAI({ fetch: affinityFetch() })
 */
export function affinityFetch(options: AffinityOptions & { readonly fetch?: Fetch } = {}): Fetch {
  const { fetch: given, ...rest } = checked(options)
  const policy = policyOf(rest)
  if (given !== undefined && typeof given !== 'function') throw expected('`fetch` to be a function', kind(given))
  return stamping(policy, given ?? ((...args) => globalThis.fetch(...args)))
}

/** The seam itself, for a policy that is checked. */
export function stamping(policy: Policy, send: Fetch): Fetch {
  return function affinityFetch(...args) {
    let call: Stamped | undefined
    try {
      const speaker = speaking(policy.session)
      if (speaker !== undefined) call = stampedCall(policy, speaker, ...args)
    } catch {
      warnOnce(FAULT)
    }
    if (call === undefined) return send(...args)
    const { input, init, follows, speaker } = call
    // What is below us speaks for the same session as we do, bound or not.
    const answer = policy.session === undefined ? send(input, init) : runAs(speaker, () => send(input, init))
    const hears = isHeard(call.place.gateway, policy.onOutcome)
    if (!follows && !hears) return answer
    return answer.then((response) => {
      const final = follows ? followed(send, call, response) : response
      if (!hears) return final
      if (final instanceof Promise) return final.then((last) => told(policy, call, last))
      return told(policy, call, final)
    })
  }
}

const FAULT = 'a fault of its own kept a call from being stamped. The call was sent without a key'

/** A call as it goes out, and what it takes to send it again. */
interface Stamped {
  readonly input: string | URL | Request
  readonly init: RequestInit
  /** Whether redirects are ours to follow. */
  readonly follows: boolean
  readonly speaker: Session | Sidecar
  readonly place: Place
  /** Of the last hop, since sessions move. None where that went out without. */
  stamp: Stamp | undefined
  readonly url: string
  /** What came, with nothing of ours. */
  readonly given: RequestInit
  /** The body of a Request, whose sending uses it up. */
  readonly spare: Request | undefined
}

// Undefined where the call is to go out as it came.
function stampedCall(
  policy: Policy,
  speaker: Session | Sidecar,
  input: string | URL | Request,
  init?: RequestInit,
): Stamped | undefined {
  const request = isRequest(input) ? input : undefined
  const url = isRequest(input) ? input.url : String(input)
  const given = members(init)
  const place = policy.placeAt(url)
  const stamp = place && stampOf(speaker, place.gateway)
  if (place === undefined || stamp === undefined) return undefined
  const written = write(place, stamp, given.headers ?? request?.headers, given.body)
  if (written === undefined) return undefined
  const follows = (given.redirect ?? request?.redirect ?? 'follow') === 'follow'
  // Not by its body: in Deno, to look at that is to turn it into a stream.
  const reused = follows && request !== undefined && (given.body ?? null) === null && !isSafe(request.method)
  return {
    input,
    speaker,
    place,
    stamp,
    init: follows ? { ...given, ...written, redirect: 'manual' } : { ...given, ...written },
    follows,
    url,
    given,
    spare: reused && !request.bodyUsed ? request.clone() : undefined,
  }
}

// The members of an init that carry the key, or undefined where nothing is to be written.
function write({ gateway, field }: Place, stamp: Stamp, given: unknown, body: unknown): RequestInit | undefined {
  const isInBody = field !== undefined && typeof body === 'string'
  if (!isInBody && gateway.headers.length === 0) return undefined
  const headers = stampHeaders(given, gateway.headers, stamp.key, stamp.parent)
  if (headers === undefined || !isInBody) return headers && { headers }
  const all = new Headers(headers)
  const text = /json/i.test(all.get('content-type') ?? '') ? withField(body, field, stamp.key) : body
  if (text === undefined || (text === body && gateway.headers.length === 0)) return undefined
  // Whoever sends it counts for himself.
  if (text !== body) all.delete('content-length')
  return { headers: all, body: text }
}

function followed(send: Fetch, call: Stamped, answer: Response): Response | Promise<Response> {
  const { input, given, spare, url } = call
  if (!isRedirect(answer)) {
    // What a clone holds back would be kept for as long as the answer is.
    spare?.body?.cancel().catch(() => {})
    return answer
  }
  // A browser hides where a redirect leads. What it would not let us guard goes out again as it came.
  call.stamp = undefined
  if (answer.type === 'opaqueredirect') return send(spare ?? input, given)
  const first: Call = {
    url,
    init: isRequest(input) ? { ...picked(input, INHERITED), ...given } : given,
    ...(spare && { body: () => spare.arrayBuffer() }),
  }
  const onward: Fetch = (to, init) => {
    if (URL.parse(String(to))?.origin !== call.place.origin) call.stamp = undefined
    return send(to, init)
  }
  return follow(onward, first, answer, (init) => restamped(call, init))
}

function restamped(call: Stamped, init: RequestInit): RequestInit {
  call.stamp = undefined
  try {
    const stamp = stampOf(call.speaker, call.place.gateway)
    const written = stamp && write(call.place, stamp, init.headers, init.body)
    if (written === undefined) return init
    call.stamp = stamp
    return { ...init, ...written }
  } catch {
    warnOnce(FAULT)
    return init
  }
}

function told({ onOutcome }: Policy, { place, stamp, init }: Stamped, response: Response): Response {
  const { redirected, status, url } = response
  if (stamp !== undefined && (!redirected || URL.parse(url)?.origin === place.origin)) {
    const read = (name: string): string | undefined => response.headers.get(name) ?? undefined
    heard({ place, stamp, body: init.body }, status, read, onOutcome, response)
  }
  return response
}

function isRequest(input: string | URL | Request): input is Request {
  return typeof input === 'object' && 'headers' in input
}

// What a Request says of itself that the hops of its redirects keep. Its dispatcher, on Node, nobody can read.
const INHERITED =
  'method headers signal mode credentials cache referrer referrerPolicy integrity keepalive priority'.split(' ')
const MEMBERS = [...INHERITED, ...'body redirect duplex window dispatcher'.split(' ')]

// An init may be any object with these members, a Request among them, whose getters a spread does not see.
function members(init: RequestInit | undefined): RequestInit {
  if (init === undefined || init === null) return {}
  const prototype: unknown = Object.getPrototypeOf(init)
  return prototype === Object.prototype || prototype === null ? { ...init } : { ...init, ...picked(init, MEMBERS) }
}

function picked(from: object, names: readonly string[]): RequestInit {
  const found: Record<string, unknown> = {}
  for (const name of names) if (name in from) found[name] = Reflect.get(from, name)
  return found
}
