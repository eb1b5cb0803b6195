// Warns of requests that leave for a named origin inside of a session and without its key: another client than the wrapped one
// has sent them. Seen where Node creates requests, and only after all other subscribers: one of them may add the key.

import type { Gateway } from '../gateways/gateway.js'
import { current } from '../session/context.js'
import { isSession } from '../session/session.js'
import { builtin } from '../util/builtin.js'
import { originOf, parseUrl } from '../util/url.js'
import { warnOnce } from '../util/warn.js'
import { covers, type OriginPrefix, TOKEN_ENDPOINT } from './origins.js'
import { isIn } from './request-headers.js'

/** What is used of a request of undici. */
interface UndiciRequest {
  readonly origin?: unknown
  readonly path?: unknown
  readonly host?: unknown
  readonly headers: readonly unknown[]
}

/** What is used of a ClientRequest of node:http. */
interface HttpRequest {
  readonly protocol: string
  readonly host: string
  readonly path: string
  getHeader(name: string): unknown
  hasHeader(name: string): boolean
}

interface DiagnosticsChannel {
  subscribe(name: string, subscriber: (message: unknown) => void): void
}

interface Watched {
  readonly prefix: OriginPrefix
  readonly names: readonly string[]
}

// By origin, path and names: an application may wrap a client for each request.
const watched = new Map<string, Watched>()
// More are not watched: a warning is missing then, and none is wrong.
const MAX_WATCHED = 100

const BYPASSED =
  'inside of a session, a request was sent to your gateway without the key, by a client that is not wrapped. ' +
  'Wrap it with withAffinity, give it affinityFetch() as its fetch, or use instrument({ origins }). ' +
  'If it is meant to be unpinned, send it in runWithoutSession'

/** Watches for requests to these origins that bypass the integrations. Has no effect where Node's channels are missing. */
export function watchForBypass(prefixes: readonly OriginPrefix[], gatewayOf: (host: string) => Gateway): void {
  for (const prefix of prefixes) {
    const names = gatewayOf(parseUrl(prefix.origin)?.hostname ?? '').headers
    const id = [prefix.origin, prefix.path, ...names].join()
    // A key in a body cannot be seen.
    if (names.length > 0 && watched.size < MAX_WATCHED) watched.set(id, { prefix, names })
  }
  subscribe()
}

let isSubscribed = false

function subscribe(): void {
  const channels = isSubscribed ? undefined : builtin<DiagnosticsChannel>('node:diagnostics_channel')
  if (channels?.subscribe === undefined) return
  isSubscribed = true
  // What a subscriber throws ends the process.
  const watch = <Request>(name: string, look: (request: Request) => void): void =>
    channels.subscribe?.(name, (message) => {
      try {
        if (isSession(current())) look((message as { readonly request: Request }).request)
      } catch {
        // No warning then.
      }
    })
  watch('undici:request:create', (request: UndiciRequest) => {
    // undici 5 and early versions of 6 have one string.
    if (!Array.isArray(request.headers)) return
    const has = (names: readonly string[]): boolean =>
      request.headers.some((each, i) => i % 2 === 0 && isIn(names, each))
    check(`${originOf(request.origin, request.host)}${request.path}`, has)
  })
  watch('http.client.request.created', (request: HttpRequest) => {
    const has = (names: readonly string[]): boolean => names.some((name) => request.hasHeader(name))
    check(`${request.protocol}//${request.getHeader('host') ?? request.host}${request.path}`, has)
  })
}

function check(target: string, has: (names: readonly string[]) => boolean): void {
  const url = parseUrl(target)
  if (url === null || TOKEN_ENDPOINT.test(url.pathname)) return
  const names = [...watched.values()].filter(({ prefix }) => covers([prefix], url)).map((each) => each.names)
  if (names.length === 0 || names.some(has)) return
  queueMicrotask(() => {
    try {
      if (!names.some(has)) warnOnce(BYPASSED)
    } catch {
      // As above.
    }
  })
}
