import type * as undici8 from 'undici'
import { lookup, type Origins } from './servers.ts'

export type Undici = typeof undici8

type Interceptor = undici8.Dispatcher.DispatcherComposeInterceptor
type Dispatch = undici8.Dispatcher['dispatch']
type Options = undici8.Dispatcher.DispatchOptions
type Pairs = [name: string, value: string][]

/** The headers of a dispatch, in any of the shapes that undici accepts, as pairs. */
function pairsOf(headers: Options['headers']): Pairs {
  if (headers === null || headers === undefined) return []
  if (!Array.isArray(headers)) {
    const pairs = Symbol.iterator in headers ? [...(headers as Iterable<[string, unknown]>)] : Object.entries(headers)
    return pairs.flatMap(([name, value]) => [value].flat().map((each): [string, string] => [name, String(each)]))
  }
  if (Array.isArray(headers[0])) return pairsOf(new Map(headers as unknown as Pairs))
  return headers.flatMap((name, i): Pairs => (i % 2 === 0 ? [[String(name), String(headers[i + 1])]] : []))
}

/** Copies headers into another container, as interceptors that log, sign or add headers do. */
const copying =
  (copy: (pairs: Pairs) => unknown): Interceptor =>
  (dispatch: Dispatch) =>
    function copyHeaders(options, handler) {
      return dispatch(
        { ...options, headers: copy(pairsOf(options.headers)) as NonNullable<Options['headers']> },
        handler,
      )
    }

/** Resends a request to another host, once, after a 503. */
const failover =
  (to: string): Interceptor =>
  (dispatch: Dispatch) =>
    function failOver(options, handler) {
      let failed = false
      // Copied, since the ProxyAgent of undici 7 writes the host into the caller's object.
      const headers = pairsOf(options.headers).flat()
      return dispatch(options, {
        onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
        onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
        onResponseStart: (controller, status, headers, message) => {
          failed = status === 503
          if (!failed) handler.onResponseStart?.(controller, status, headers, message)
        },
        onResponseData: (controller, chunk) => {
          if (!failed) handler.onResponseData?.(controller, chunk)
        },
        onResponseEnd: (controller, trailers) => {
          if (failed) dispatch({ ...options, headers, origin: to }, handler)
          else handler.onResponseEnd?.(controller, trailers)
        },
        onResponseError: (controller, error) => handler.onResponseError?.(controller, error),
      })
    }

/** The interceptors that may be above and below ours. */
export const neighbours: Readonly<Record<string, (u: Undici, origins: Origins) => Interceptor>> = {
  redirect: (u) => u.interceptors.redirect({ maxRedirections: 4 }),
  'redirect, throwing': (u) => u.interceptors.redirect({ maxRedirections: 2, throwOnMaxRedirect: true }),
  retry: (u) => u.interceptors.retry({ maxRetries: 2, minTimeout: 1, maxTimeout: 2, statusCodes: [503] }),
  cache: (u) => u.interceptors.cache(),
  deduplicate: (u) => u.interceptors.deduplicate(),
  dns: (u) => u.interceptors.dns({ lookup: ({ hostname }, _options, callback) => resolve(hostname, callback) }),
  dump: (u) => u.interceptors.dump({ maxSize: 1024 }),
  decompress: (u) => u.interceptors.decompress(),
  'copy to an object': () => copying((pairs) => Object.fromEntries(pairs)),
  'copy to a list': () => copying((pairs) => pairs.flat()),
  'copy to Headers': (u) => copying((pairs) => new u.Headers(pairs)),
  'copy to a Map': () => copying((pairs) => new Map(pairs)),
  'lower case': () => copying((pairs) => Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), value]))),
  frozen: () => copying((pairs) => Object.freeze(Object.fromEntries(pairs))),
  'failover to a foreign origin': (_u, { foreign }) => failover(foreign),
  'failover to a named origin': (_u, { other }) => failover(other),
}

function resolve(
  hostname: string,
  callback: (error: null, addresses: { address: string; family: 4; ttl: number }[]) => void,
): void {
  lookup(hostname, { all: true }, () => callback(null, [{ address: '127.0.0.1', family: 4, ttl: 60_000 }]))
}
