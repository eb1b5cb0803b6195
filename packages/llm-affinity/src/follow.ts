// Redirects by hand, as the fetch standard has them ("HTTP-redirect fetch"). The platform's own following carries every
// custom header to whatever origin the answer names, and never tells us.

import type { Fetch } from './fetch.js'
import { leadsTo } from './location.js'
import { runAsNobody } from './speaking.js'

const STATUSES = [301, 302, 303, 307, 308]
const MAX_HOPS = 20
const BODY_HEADERS = ['content-encoding', 'content-language', 'content-length', 'content-location', 'content-type']
const CREDENTIAL_HEADERS = ['authorization', 'cookie', 'host', 'proxy-authorization']

/** A call that may be redirected, as its caller made it: nothing of ours is in `init`. */
export interface Call {
  readonly url: string
  readonly init: RequestInit
  /** Reads the body of a `Request`, which its first sending used up. */
  readonly body?: () => Promise<ArrayBuffer>
}

/** Whether the answer to a call with `redirect: 'manual'` is one that `redirect: 'follow'` would not have given. */
export function isRedirect(response: Response): boolean {
  const { status } = response
  return status === 0
    ? response.type === 'opaqueredirect'
    : STATUSES.includes(status) && response.headers.has('location')
}

/**
 * Follows from `response` on, and gives the answer that fetch would have given to `call`.
 *
 * @param stamp Gives the init of a hop to the origin that `call` asked for its stamp. It is not asked for a hop to any
 *   other origin, nor for any hop after one.
 * @throws TypeError ("fetch failed", with a cause) in flight, where the standard makes the call a network error.
 */
export async function follow(
  send: Fetch,
  call: Call,
  response: Response,
  stamp: (init: RequestInit) => RequestInit,
): Promise<Response> {
  const asked = new URL(call.url, response.url || undefined)
  const headers = new Headers(call.init.headers)
  let { method = 'GET', body = null } = call.init
  let url = asked
  let away = false
  let answer = response

  for (let hops = 0; isRedirect(answer); hops++) {
    if (hops === MAX_HOPS) throw failed('redirect count exceeded')
    const next = target(answer, url)
    const { status } = answer
    if (status !== 303 && isStream(body)) throw failed('a body that is a stream cannot be sent again after a redirect')
    if (((status === 301 || status === 302) && isMethod(method, 'POST')) || (status === 303 && !isSafe(method))) {
      method = 'GET'
      body = null
      remove(headers, BODY_HEADERS)
    } else if (body === null && call.body !== undefined && !isSafe(method)) {
      body = await call.body()
    }
    if (next.origin !== url.origin) {
      if (call.init.mode === 'same-origin') throw failed('a redirect to another origin in mode "same-origin"')
      remove(headers, CREDENTIAL_HEADERS)
    }
    away ||= next.origin !== asked.origin
    await answer.body?.cancel().catch(() => {})

    url = next
    const init: RequestInit = { ...call.init, method, body, headers, redirect: 'manual' }
    const hop = away ? runAsNobody(() => send(next.href, init)) : send(next.href, stamp(init))
    answer = await hop
  }
  Reflect.defineProperty(answer, 'redirected', { value: true, configurable: true })
  return answer
}

function target(answer: Response, from: URL): URL {
  const next = leadsTo(answer.headers.get('location') ?? '', from.href)
  if (next === null) throw failed('a redirect to something that is no URL')
  if (next.protocol !== 'http:' && next.protocol !== 'https:') throw failed('URL scheme must be a HTTP(S) scheme')
  if ((next.username !== '' || next.password !== '') && next.origin !== from.origin) {
    throw failed('a redirect to another origin with credentials in its URL')
  }
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
  return typeof body === 'object' && body !== null && (body instanceof ReadableStream || Symbol.asyncIterator in body)
}

function remove(headers: Headers, names: readonly string[]): void {
  for (const name of names) headers.delete(name)
}
