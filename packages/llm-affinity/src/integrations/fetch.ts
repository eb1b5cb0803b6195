import { needsOutcome, recordOutcome } from '../outcomes/outcomes.js'
import { runInCall } from '../session/call-scope.js'
import { current } from '../session/context.js'
import { activeScope } from '../session/scope.js'
import { releaseCall, trackCall } from '../stamping/guard.js'
import { type AffinityOptions, checkAffinityOptions, type Policy, policyOf } from '../stamping/options.js'
import { type Stamp, stampFor } from '../stamping/stamp.js'
import { expected, kind } from '../util/errors.js'
import { parseUrl } from '../util/url.js'
import { warnOnce } from '../util/warn.js'
import { type Call, callOf, inherited, isRequest, write } from './fetch-call.js'
import { type Fetch, isGuarded } from './platform-fetch.js'
import { discardBody, followRedirects, isRedirect, type RedirectedCall } from './redirects.js'

/**
 * A fetch that stamps the key of the session in whose scope it is called, in the format of the gateway that it calls.
 * Hand it to any SDK that takes a `fetch`, or call it yourself.
 *
 * - It runs once per attempt, retries of the SDK included, and reads the session each time.
 * - Without a session it passes the very arguments on. A header of the gateway that the caller has set is left alone,
 *   and nothing is added then.
 * - No redirect takes the key to another origin. Node's own fetch follows redirects itself, and each hop is checked where
 *   it is created; for any other fetch they are followed here, as the fetch standard says.
 * - It never reads a body, never changes what it was given, and never throws an error of its own in flight: on a fault
 *   of ours the request goes out as it came, with one warning.
 * - Arguments that may not read the same twice go out as they came, without a key: an init or headers with getters, header
 *   values that are objects, an iterable that is not a list of pairs. So does a call with a `referrer`.
 * - What the given fetch has beside its call, such as `fetch.Response`, it has too.
 *
 * @param options.fetch What sends. Default: the global fetch, looked up at each call.
 * @throws TypeError at set-up, when an option is wrong.
 *
 * @example
 * const openai = new OpenAI({ fetch: affinityFetch() })
 */
export function affinityFetch(options: AffinityOptions & { readonly fetch?: Fetch } = {}): Fetch {
  const { fetch: given, ...rest } = checkAffinityOptions(options, 'fetch')
  const policy = policyOf(rest)
  if (given !== undefined && typeof given !== 'function') throw expected('`fetch` to be a function', kind(given))
  return stampingFetch(policy, given)
}

/** The integration itself, for a policy that is checked. */
export function stampingFetch(policy: Policy, given: Fetch | undefined): Fetch {
  function affinityFetch(...args: Parameters<Fetch>): Promise<Response> {
    const send = given ?? globalThis.fetch
    let call: Call | undefined
    try {
      const scope = activeScope(policy.session)
      if (scope !== undefined) call = callOf(policy, scope, send, ...args)
    } catch {
      warnOnce(FAULT)
    }
    return call === undefined ? send(...args) : sent(call, send)
  }
  return copyOwnProperties(affinityFetch, given ?? globalThis.fetch ?? {})
}

const FAULT = 'a fault of its own kept a call from being stamped. The call was sent without a key'

/** Gives `ours` the own properties of another, a function's name and length included: SDKs tell by them what a fetch can do. */
export function copyOwnProperties<T extends object>(ours: T, other: object): T {
  for (const name of Reflect.ownKeys(other)) {
    const property = name === 'prototype' ? undefined : Object.getOwnPropertyDescriptor(other, name)
    if (property !== undefined) Reflect.defineProperty(ours, name, property)
  }
  return ours
}

function sent(call: Call, send: Fetch): Promise<Response> {
  const { policy, input, init, follows, scope, target, stamp, spare } = call
  const outer = policy.session === undefined ? current() : scope
  const hears = needsOutcome(target.gateway, policy.onOutcome)
  // What carries its key in the body alone has no header to check.
  const isChecked = call.names.length > 0 && isGuarded(send)
  // From the beginning: the global dispatcher may leave our scope, or have the request wait somewhere.
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
    // What a clone holds back would be kept for as long as the answer is.
    if (spare !== undefined) void discardBody(spare)
    // Where nothing was sent, a cache answered, and no backend.
    return hears && (call.isCreated || !isChecked) ? reportOutcome(call, { response, stamp }) : response
  }
  const answered = (response: unknown): unknown => {
    if (!follows || !isRedirect(response) || !isReal(call, response)) return done(response)
    return followed(send, call, response).then((last) => {
      releaseCall(call)
      return hears ? reportOutcome(call, last) : last.response
    })
  }
  if (!isThenable(answer)) return done(answer) as Promise<Response>
  const failed = (error: unknown): never => {
    releaseCall(call)
    throw error
  }
  const promise = (isPromise(answer) ? answer : Promise.resolve(answer)).then(answered, failed) as Promise<Response>
  // Some can do more than be awaited.
  for (const name of Object.keys(answer)) Reflect.set(promise, name, Reflect.get(answer, name))
  return promise
}

// A mock answers with what its author wrote, whatever `redirect` says; it has not been anywhere.
function isReal(call: Call, response: Response): boolean {
  return call.isCreated || response.url !== ''
}

/** An answer, and the stamp of the request that it answers, where that had one. */
interface Answered {
  readonly response: unknown
  readonly stamp: Stamp | undefined
}

async function followed(send: Fetch, call: Call, answer: Response): Promise<Answered> {
  const { input, given, spare, url, policy, scope } = call
  // A browser hides where a redirect leads. What it would not let us guard goes out again as it came.
  if (answer.type === 'opaqueredirect') return { response: await send(spare ?? input, given), stamp: undefined }
  const first: RedirectedCall = {
    url,
    init: isRequest(input) ? { ...inherited(input), ...given } : given,
    ...(spare && { body: () => spare.arrayBuffer() }),
  }
  let last: Stamp | undefined
  const response = await followRedirects(send, first, answer, (to, init) => {
    last = undefined
    if (!call.allows(to.origin)) return undefined
    try {
      // Sessions move, and another named origin may have another gateway.
      const target = to.origin === call.origin ? call.target : policy.targetFor(to.href)
      const stamp = target && stampFor(scope, target.gateway)
      const written = stamp && write(target, stamp, init.headers, init.body)
      if (written !== undefined) last = stamp
      return { ...init, ...written }
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
    }
  } catch {
    // Of a mock, which has what its test needs.
  }
  return response
}

// Told by what it does: tests often run in a realm of their own, with a Promise of its own.
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise && value.then === Promise.prototype.then
}
