import { needsOutcome, recordOutcome } from '../outcomes/outcomes.js'
import { runInCall } from '../session/call-scope.js'
import { current } from '../session/context.js'
import { activeScope } from '../session/scope.js'
import { isSession } from '../session/session.js'
import { releaseCall, trackCall } from '../stamping/guard.js'
import { type AffinityOptions, checkAffinityOptions, type Policy, policyOf } from '../stamping/options.js'
import { type Stamp, stampFor } from '../stamping/stamp.js'
import { expected, kind } from '../util/errors.js'
import { parseUrl } from '../util/url.js'
import { warnOnce } from '../util/warn.js'
import { type Call, callOf, extended, inherited, isRequest, keptArguments, urlOf, write } from './fetch-call.js'
import { type AnyFetch, type Fetch, isGuarded } from './platform-fetch.js'
import { discardBody, followRedirects, isRedirect, type RedirectedCall } from './redirects.js'

/**
 * A fetch that stamps the key of the session in whose scope it is called, in the format of the gateway that it calls.
 * Pass it to any SDK that accepts a `fetch`, or call it yourself.
 *
 * - It runs once per attempt, retries of the SDK included, and reads the session each time.
 * - Without a session it passes its arguments on unchanged. If the caller has set a header of the gateway, nothing is added.
 * - No redirect takes the key to another origin. Node's own fetch follows redirects itself, and each hop is checked where
 *   it is created. For any other fetch, redirects are followed here, as the fetch standard defines.
 * - It never reads a body, never changes its arguments, and never throws an error of its own in flight: if this package
 *   fails, the request is sent unchanged, with one warning.
 * - Arguments that may not read the same twice are sent unchanged, without a key: an init or headers with getters, header
 *   values that are objects, an iterable that is not a list of pairs. So is a call with a `referrer`.
 * - It has the properties of the given fetch, such as `fetch.Response`.
 *
 * @param options.fetch The fetch that sends, which can be another package's, such as node-fetch: the result then has its type.
 *   Default: the global fetch, looked up at each call.
 * @throws TypeError at set-up, if an option is wrong.
 *
 * @example
 * const openai = new OpenAI({ fetch: affinityFetch() })
 */
export function affinityFetch(options: AffinityOptions & { readonly fetch: Fetch }): Fetch
/**
 * The same for the fetch of another package.
 *
 * @typeParam Send The type of that fetch.
 */
export function affinityFetch<Send extends AnyFetch>(options: AffinityOptions & { readonly fetch: Send }): Send
/**
 * The same for the global fetch.
 *
 * @typeParam Send Inferred from where the result is used: older SDKs declare their `fetch` option with the types of node-fetch.
 */
export function affinityFetch<Send extends AnyFetch | undefined = typeof globalThis.fetch>(
  options?: AffinityOptions & { readonly fetch?: undefined },
): Send
export function affinityFetch(options: AffinityOptions & { readonly fetch?: Fetch }): Fetch
export function affinityFetch(options: AffinityOptions & { readonly fetch?: AnyFetch | undefined } = {}): unknown {
  if (NO_OPTIONS.some((name) => name in Object(options))) {
    throw expected('options', kind(options), 'Write fetch: affinityFetch(), or withAffinity(client)')
  }
  const { fetch: given, ...rest } = checkAffinityOptions(options, 'fetch')
  const policy = policyOf(rest)
  if (given !== undefined && typeof given !== 'function') throw expected('`fetch` to be a function', kind(given))
  return stampingFetch(policy, given as Fetch | undefined)
}

// Members of a text, a URL, a Request and an SDK client.
const NO_OPTIONS = ['trim', 'href', 'url', 'baseURL']

/** The integration, for a policy that is checked already. */
export function stampingFetch(policy: Policy, given: Fetch | undefined): Fetch {
  function affinityFetch(...args: Parameters<Fetch>): Promise<Response> {
    const send = given ?? globalThis.fetch
    if (policy.extensions.length === 0) return begin(policy, send, args)
    const waits = policy.extensions.flatMap((each) => each.ready?.(policy, args) ?? [])
    if (waits.length === 0) return begin(policy, send, args)
    // The caller may change them while the call waits.
    const kept = keptArguments(args)
    return Promise.all(waits).then(() => begin(policy, send, kept))
  }
  return copyOwnProperties(affinityFetch, given ?? globalThis.fetch ?? {})
}

function begin(policy: Policy, send: Fetch, args: Parameters<Fetch>): Promise<Response> {
  let call: Call | undefined
  let isLeftAlone = false
  try {
    const scope = activeScope(policy.session)
    if (scope !== undefined) call = callOf(policy, scope, send, ...args)
    else if (policy.warnNoSession && current() === undefined) warnOfNoSession(policy, args[0])
    isLeftAlone = call === undefined && isSession(current()) && isTarget(policy, args[0])
  } catch {
    warnOnce(FAULT)
  }
  if (call !== undefined) return sent(call, send)
  // In a scope of its own, so that it is not taken for a call that bypasses the integrations.
  return isLeftAlone ? runInCall(current(), undefined, policy, () => send(...args)) : send(...args)
}

const FAULT = 'a fault of its own kept a call from being stamped. The call was sent without a key'

function warnOfNoSession(policy: Policy, input: Parameters<Fetch>[0]): void {
  if (!isTarget(policy, input)) return
  warnOnce(
    'a call was made outside of any session, and is not pinned. Make it in runWithSession(id, …), or, if that is meant, in ' +
      'runWithoutSession',
  )
}

function isTarget(policy: Policy, input: unknown): boolean {
  return policy.targetFor(urlOf(input)) !== undefined
}

/** Copies own properties, including a function's name and length: SDKs detect by them what a fetch can do. */
export function copyOwnProperties<T extends object>(to: T, other: object): T {
  for (const name of Reflect.ownKeys(other)) {
    const property = name === 'prototype' ? undefined : Object.getOwnPropertyDescriptor(other, name)
    if (property !== undefined) Reflect.defineProperty(to, name, property)
  }
  return to
}

function sent(call: Call, send: Fetch): Promise<Response> {
  const { policy, input, init, follows, scope, target, stamp, spare } = call
  const outer = policy.session === undefined ? current() : scope
  const { parts } = stamp
  const isRecorded = needsOutcome(target.gateway, policy.onOutcome) || parts.length > 0
  // A key in the body alone has no header to check.
  const isChecked = (call.names.length > 0 || parts.length > 0) && isGuarded(send)
  // From the beginning: the global dispatcher may leave the scope, or queue the request.
  if (isChecked) trackCall(call, outer)
  // It may be a mock, and return anything.
  let answer: unknown
  try {
    answer = runInCall(outer, call, policy, () => send(input, init))
  } catch (error) {
    releaseCall(call)
    throw error
  }

  const done = (response: unknown): unknown => {
    releaseCall(call)
    // An unread clone would keep its body in memory for as long as the answer lives.
    if (spare !== undefined) void discardBody(spare)
    // If nothing was sent, a cache has answered, not a backend.
    return isRecorded && (call.isCreated || !isChecked) ? reportOutcome(call, { response, stamp }) : response
  }
  const failed = (error: unknown): never => {
    releaseCall(call)
    for (const part of parts) part.failed(error)
    throw error
  }
  const answered = (response: unknown): unknown => {
    if (!follows || !isRedirect(response) || !isReal(call, response)) return done(response)
    return followed(send, call, outer, response).then((last) => {
      releaseCall(call)
      return isRecorded ? reportOutcome(call, last) : last.response
    }, failed)
  }
  if (!isThenable(answer)) return done(answer) as Promise<Response>
  const promise = (isPromise(answer) ? answer : Promise.resolve(answer)).then(answered, failed) as Promise<Response>
  // Some promises have further members.
  for (const name of Object.keys(answer)) Reflect.set(promise, name, Reflect.get(answer, name))
  return promise
}

// A mock may return a redirect whatever `redirect` is; it did not send a request.
function isReal(call: Call, response: Response): boolean {
  return call.isCreated || response.url !== ''
}

/** An answer, and the stamp of its request, if that had one. */
interface Answered {
  readonly response: unknown
  readonly stamp: Stamp | undefined
}

const UNSENT = { crossed: false, isCreated: false, isTracked: false, isOver: false }

async function followed(send: Fetch, call: Call, outer: unknown, answer: Response): Promise<Answered> {
  const { input, given, spare, url, policy, scope } = call
  // A browser hides where a redirect leads, so the redirect cannot be guarded: the call is sent again, unchanged.
  if (answer.type === 'opaqueredirect') return { response: await send(spare ?? input, given), stamp: undefined }
  const first: RedirectedCall = {
    url,
    init: isRequest(input) ? { ...inherited(input), ...given } : given,
    ...(spare && { body: () => spare.arrayBuffer() }),
  }
  // Each hop has parts of its own.
  for (const part of call.parts) part.ended()
  let last: Stamp | undefined
  let hop: Call | undefined
  // What extensions add is checked for each hop's own origin.
  const sendHop: Fetch = (to, init) =>
    hop === undefined ? send(to, init) : runInCall(outer, hop, policy, () => send(to, init))
  const response = await followRedirects(sendHop, first, answer, (to, init) => {
    last = undefined
    hop = undefined
    if (!call.allows(to.origin)) return undefined
    try {
      // Sessions may be re-pinned, and another named origin may have another gateway.
      const target = to.origin === call.origin ? call.target : policy.targetFor(to.href)
      const stamp = target && stampFor(scope, target, policy.extensions, init.body)
      const written = stamp && write(target, stamp, init.headers, init.body)
      if (target === undefined || stamp === undefined || written === undefined) return init
      last = stamp
      const { key, parent, parts } = stamp
      const names = target.gateway.headers
      if (parts.length > 0) hop = { ...call, ...UNSENT, names, key, parent, parts, origin: to.origin }
      return extended({ ...init, ...written }, stamp)
    } catch {
      warnOnce(FAULT)
      return init
    }
  })
  return { response, stamp: last }
}

function reportOutcome({ policy, target, init, crossed, allows }: Call, { response, stamp }: Answered): unknown {
  try {
    const { redirected, status, url, headers } = response as Response
    // What another origin answers is not read.
    if (stamp !== undefined && !crossed && (!redirected || allows(String(parseUrl(url)?.origin)))) {
      const get = (name: string): string | undefined => headers.get(name) ?? undefined
      recordOutcome({ target, stamp, body: init.body }, status, get, policy.onOutcome, response as Response)
      for (const part of stamp.parts) part.answered(status, headers, response as Response)
    }
  } catch {
    // The response of a mock may lack members.
  }
  return response
}

// Not by `instanceof`: tests often run in another realm, which has another Promise.
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise && value.then === Promise.prototype.then
}
