// One call of the fetch integration: the arguments of the caller, read as the platform reads them, and what is sent instead.

import type { GuardedCall } from '../session/call-scope.js'
import type { DetachedScope } from '../session/scope.js'
import type { Session } from '../session/session.js'
import type { Target } from '../stamping/extension.js'
import { withField } from '../stamping/json-field.js'
import type { Policy } from '../stamping/options.js'
import { changedHeaders, hasGetter, isSteady, stampHeaders } from '../stamping/request-headers.js'
import { isOpenJson } from '../stamping/signed-body.js'
import { type Stamp, stampFor } from '../stamping/stamp.js'
import { type Fetch, isGuarded } from './platform-fetch.js'
import { isSafe } from './redirects.js'

/** A stamped call, with what it takes to send it again. */
export interface Call extends GuardedCall {
  readonly policy: Policy
  readonly scope: Session | DetachedScope
  readonly target: Target
  readonly stamp: Stamp
  readonly input: string | URL | Request
  readonly init: RequestInit
  /** The members of the caller's init. */
  readonly given: RequestInit
  readonly url: string
  /** Whether this integration follows redirects itself. */
  readonly follows: boolean
  /** A clone of the Request, whose body is used up when it is sent. */
  readonly spare: Request | undefined
}

const REDIRECTS: unknown[] = ['follow', 'manual', 'error']
const NO_REFERRER: unknown[] = [undefined, '', 'about:client']

/**
 * The stamped call for these arguments; undefined if they are sent unchanged. That includes arguments that may not read the
 * same twice.
 */
export function callOf(
  policy: Policy,
  scope: Session | DetachedScope,
  send: Fetch,
  input: string | URL | Request,
  init?: RequestInit,
): Call | undefined {
  const request = isRequest(input) ? input : undefined
  const url = urlOf(input)
  const target = policy.targetFor(url)
  if (target === undefined || !isDictionary(init)) return undefined
  const given = members(init, request)
  const stamp = stampFor(scope, target, policy.extensions, given.body)
  if (stamp === undefined) return undefined
  const { redirect = request?.redirect ?? 'follow', integrity = request?.integrity, mode = request?.mode } = given
  const { headers = request?.headers, referrer = request?.referrer } = given
  if (!REDIRECTS.includes(redirect) || !NO_REFERRER.includes(referrer) || !isSteady(headers)) return undefined
  const written = write(target, stamp, headers, given.body)
  if (written === undefined) return undefined
  // What extensions add is for this origin alone, and may be in the body.
  const isOurs = Object.hasOwn(written, 'body') || stamp.parts.length > 0 || !isLeftTo(send, given)
  const follows = redirect === 'follow' && isOurs
  // These redirects cannot be followed by hand: the digest would be checked against the redirect's body, and its answer would
  // be opaque.
  if (follows && (integrity || mode === 'no-cors')) return undefined
  // Not by its body: in Deno, reading that property turns the body into a stream.
  const isReused = follows && request !== undefined && (given.body ?? null) === null && !isSafe(request.method)
  return {
    names: target.gateway.headers,
    key: stamp.key,
    parent: stamp.parent,
    parts: stamp.parts,
    origin: target.origin,
    allows: (origin) => origin === target.origin || policy.isNamed(origin),
    crossed: false,
    isCreated: false,
    isTracked: false,
    isOver: false,
    policy,
    scope,
    target,
    stamp,
    input,
    init: extended({ ...given, ...written, ...(follows && { redirect: 'manual' }) }, stamp, request),
    given,
    url,
    follows,
    spare: isReused && !request.bodyUsed ? request.clone() : undefined,
  }
}

// Whether this fetch may follow redirects itself. A dispatcher in the init may be of any class.
function isLeftTo(send: Fetch, given: RequestInit): boolean {
  return !('dispatcher' in given) && isGuarded(send)
}

/** An init with what extensions add to it. */
export function extended(init: RequestInit, { parts }: Stamp, request?: Request): RequestInit {
  let all = init
  for (const part of parts) all = part.write(all, request)
  return all
}

/** The members of an init with the key; undefined if there is nothing to write. */
export function write(
  { gateway, field }: Target,
  stamp: Stamp,
  given: unknown,
  body: unknown,
): RequestInit | undefined {
  const isInBody = field !== undefined && typeof body === 'string'
  const nothing = stamp.parts.length > 0 ? {} : undefined
  if (!isInBody && gateway.headers.length === 0) return nothing
  const headers = stampHeaders(given, { names: gateway.headers, key: stamp.key, parent: stamp.parent })
  if (headers === undefined || !isInBody) return headers && { headers }
  const all = readable(headers)
  if (all === undefined) return undefined
  const text = isOpenJson(all) ? withField(body, field, `"${stamp.key}"`) : body
  if (text === undefined) return undefined
  if (text === body && gateway.headers.length === 0) return nothing
  const length = all.get('content-length')
  if (length === null || text === body) return { headers, body: text }
  // The added text is ASCII.
  return { headers: changedHeaders(headers, ['content-length'], `${+length + text.length - body.length}`), body: text }
}

// Undefined for headers that are not valid: sent unchanged, they make the fetch below fail in its own words.
function readable(headers: NonNullable<RequestInit['headers']>): Headers | undefined {
  try {
    return new Headers(headers)
  } catch {
    return undefined
  }
}

/** Arguments that the caller may change, while the call waits, without an effect. */
export function keptArguments([input, init]: Parameters<Fetch>): Parameters<Fetch> {
  if (init === undefined) return [input]
  try {
    const { headers } = init
    return [input, { ...init, ...(headers !== undefined && { headers: changedHeaders(headers, []) }) }]
  } catch {
    return [input, init]
  }
}

/** The URL of a call; one without a host for an input that is neither a URL nor a Request. */
export function urlOf(input: unknown): string {
  if (isRequest(input)) return input.url
  return typeof input === 'string' || 'href' in Object(input) ? String(input) : 'about:'
}

export function isRequest(input: unknown): input is Request {
  return typeof input === 'object' && input !== null && 'headers' in input && 'clone' in input
}

// The properties of a Request that the hops of its redirects keep.
const INHERITED =
  'method headers signal mode credentials cache referrer referrerPolicy integrity keepalive priority'.split(' ')
const MEMBERS = [...INHERITED, ...'body redirect duplex window dispatcher'.split(' ')]

/** The init of the hops of a redirected Request. */
export function inherited(request: Request): RequestInit {
  return read(request, INHERITED)
}

// Reads an init as the platform does: each member once, by its name, also if it is inherited. Other members are kept, since
// another fetch may read them.
function members(init: RequestInit | undefined, request: Request | undefined): RequestInit {
  const given = init === undefined ? {} : read(init, [...MEMBERS, ...Object.keys(init)])
  // An init with any member resets these.
  if (request !== undefined && Object.keys(given).length === 0) {
    Object.assign(given, read(request, ['referrer', 'referrerPolicy']))
  }
  return given
}

// Not null: some implementations of fetch accept it, and others do not. Nor do they agree on whether a missing init has what a
// careless library has added to Object.prototype.
function isDictionary(init: unknown): boolean {
  if (init === undefined) return !MEMBERS.some((name) => name in Object.prototype)
  return init === Object(init) && !hasGetter(init as object)
}

function read(from: object, names: readonly string[]): RequestInit {
  const found: Record<string, unknown> = {}
  for (const name of names) {
    if (Object.hasOwn(found, name)) continue
    const value: unknown = Reflect.get(from, name)
    if (value !== undefined) found[name] = value
  }
  return found
}
