// Follows redirects as the fetch standard defines ("HTTP-redirect fetch"), for a fetch whose requests cannot be checked: by
// itself it may send every custom header to any origin that an answer names.

import { runSuppressed } from '../session/scope.js'
import { changedHeaders } from '../stamping/request-headers.js'
import { parseUrl } from '../util/url.js'
import type { Fetch } from './platform-fetch.js'

const STATUSES = [301, 302, 303, 307, 308]
const MAX_HOPS = 20
const BODY_HEADERS = ['content-encoding', 'content-language', 'content-length', 'content-location', 'content-type']
const CREDENTIAL_HEADERS = ['authorization', 'cookie', 'host', 'proxy-authorization']

/** A call that may be redirected, as its caller made it: `init` has no stamp. */
export interface RedirectedCall {
  readonly url: string
  readonly init: RequestInit & { readonly follow?: unknown }
  /** Reads the body of a `Request`, which its first sending used up. */
  readonly body?: () => Promise<ArrayBuffer>
}

/** Discards a body that will not be read. Bodies of node-fetch are Node streams, without `cancel`. */
export async function discardBody({ body }: Request | Response): Promise<void> {
  try {
    await body?.cancel?.()
  } catch {
    // Another reader has locked it.
  }
}

/** Whether the answer to a call with `redirect: 'manual'` is one that `redirect: 'follow'` would have followed. */
export function isRedirect(response: unknown): response is Response {
  try {
    const { status, type, headers }: Partial<Response> = Object(response)
    return status === 0
      ? type === 'opaqueredirect'
      : STATUSES.includes(Number(status)) && headers?.has('location') === true
  } catch {
    return false
  }
}

/**
 * Follows redirects from `response` on, and returns the response that fetch would have returned for `call`.
 *
 * @param stamp Returns the init of a hop with its stamp; undefined if the hop must not carry a key.
 * @throws TypeError ("fetch failed", with a cause) in flight, if the standard makes the call a network error.
 */
export async function followRedirects(
  send: Fetch,
  call: RedirectedCall,
  response: Response,
  stamp: (url: URL, init: RequestInit) => RequestInit | undefined,
): Promise<Response> {
  const limit = limitOf(call.init, response)
  let { method = 'GET', body = null, headers } = call.init
  method = String(method)
  let answer = response
  let url = parseUrl(call.url, response.url || undefined)

  for (let hops = 0; url !== null && isRedirect(answer); hops++) {
    if (hops >= limit) throw failed('redirect count exceeded')
    const next = target(answer, url)
    const { status } = answer
    if (status !== 303 && isStream(body)) throw failed('a body that is a stream cannot be sent again after a redirect')
    if (((status === 301 || status === 302) && isMethod(method, 'POST')) || (status === 303 && !isSafe(method))) {
      method = 'GET'
      body = null
      headers = changedHeaders(headers, BODY_HEADERS)
    } else if (body === null && call.body !== undefined && !isSafe(method)) {
      body = await call.body()
    }
    if (next.origin !== url.origin) {
      if (call.init.mode === 'same-origin') throw failed('a redirect to another origin in mode "same-origin"')
      headers = changedHeaders(headers, CREDENTIAL_HEADERS)
    }
    // Not awaited: if there is a clone, it settles when the clone is read.
    void discardBody(answer)

    url = next
    const init: RequestInit = { ...call.init, method, body, redirect: 'manual' }
    if (headers !== undefined) init.headers = headers
    const stamped = stamp(next, init)
    answer = await (stamped === undefined ? runSuppressed(() => send(next.href, init)) : send(next.href, stamped))
  }
  if ('redirected' in answer) Reflect.defineProperty(answer, 'redirected', { value: true, configurable: true })
  return answer
}

// node-fetch reads its limit from the init. Its responses have a `size`.
function limitOf({ follow }: RedirectedCall['init'], response: Response): number {
  return typeof follow === 'number' && 'size' in response ? follow : MAX_HOPS
}

function target(answer: Response, from: URL): URL {
  const next = resolveLocation(answer.headers.get('location') ?? '', from.href)
  if (next === null) throw failed('a redirect to something that is not a URL')
  if (next.protocol !== 'http:' && next.protocol !== 'https:') throw failed('URL scheme must be a HTTP(S) scheme')
  if ((next.username !== '' || next.password !== '') && next.origin !== from.origin) {
    throw failed('a redirect to another origin with credentials in its URL')
  }
  if (next.hash === '') next.hash = from.hash
  return next
}

function failed(why: string): TypeError {
  return new TypeError('fetch failed', { cause: new Error(why) })
}

function isMethod(method: string, name: string): boolean {
  return method.toUpperCase() === name
}

/** Whether a request of this method has no body to send again. */
export function isSafe(method: string): boolean {
  return isMethod(method, 'GET') || isMethod(method, 'HEAD')
}

function isStream(body: unknown): boolean {
  return typeof body === 'object' && body !== null && ('getReader' in body || Symbol.asyncIterator in body)
}

// The bytes of a Location are UTF-8, but header values arrive as one character per byte. Reading them differently from the
// platform would lead to another URL.

/** The URL that a redirect leads to, read as fetch reads it; null if it is not a URL. */
function resolveLocation(location: string, from: string): URL | null {
  const bytes = Array.from(location, (character) => character.charCodeAt(0))
  const isBytes = bytes.some((byte) => byte > 0x7f) && bytes.every((byte) => byte <= 0xff)
  return parseUrl(
    isBytes ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes)) : location,
    from,
  )
}
