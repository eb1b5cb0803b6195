import { hasListeners, recordOutcomeInContext } from '../outcomes/outcomes.js'
import { isCallScope } from '../session/call-scope.js'
import { type Context, capture, current, enter, leave } from '../session/context.js'
import { activeScope } from '../session/scope.js'
import type { Target } from '../stamping/extension.js'
import { bindHandler } from '../stamping/guard.js'
import { type AffinityOptions, policyWithOrigins } from '../stamping/options.js'
import type { Origins } from '../stamping/origins.js'
import { isIn } from '../stamping/request-headers.js'
import { type Stamp, stampFor } from '../stamping/stamp.js'
import { builtin } from '../util/builtin.js'
import { originOf, parseUrl } from '../util/url.js'
import { warnOnce } from '../util/warn.js'
import { hideHeaders, type Written } from './copied-headers.js'
import type { HttpRequest, UndiciRequest } from './created-requests.js'
import { patchGlobalFetch } from './global-fetch.js'

type Subscriber = (message: unknown) => void

interface DiagnosticsChannel {
  subscribe(name: string, subscriber: Subscriber): void
  unsubscribe(name: string, subscriber: Subscriber): void
}

/**
 * Stamps the requests of the whole process without touching a client: all requests through undici, which includes the global
 * `fetch`, and through `node:http` and `node:https`, also those of existing clients. For code that accepts neither a client
 * nor a fetch; if you have the client, `withAffinity` supports more gateways.
 *
 * - A request carries the key of the session in whose scope it is made, if `origins` names its origin and the caller has set
 *   no header of the gateway. Each hop of a redirect and each retry is a request of its own.
 * - Requests that wait in the queue of an undici pool (`connections`, undici up to 8.11) are created outside of any session
 *   and are not stamped. Neither are requests of `node:http` with a list of headers, nor `node:http2`.
 * - Only headers are written: a gateway that reads the key from the body receives none.
 * - A request that several integrations see is stamped once.
 * - On runtimes other than Node, only the global `fetch` is reached, as with `patchGlobalFetch`, with one warning. Node before
 *   22.12 does not publish requests of `node:http` in time.
 *
 * @param options.origins Required: requests to other origins are never touched.
 * @returns The undo function. It can be called more than once.
 * @throws TypeError if an option is wrong or `origins` is missing.
 *
 * @example
 * const undo = instrument({ origins: ['http://gateway:4000'] })
 */
export function instrument(options: AffinityOptions & { readonly origins: Origins }): () => void {
  const policy = policyWithOrigins(options, "instrument({ origins: ['http://gateway:4000'] })")
  const channels = isNode() ? builtin<DiagnosticsChannel>('node:diagnostics_channel') : undefined
  if (channels?.subscribe === undefined) {
    warnOnce('on this runtime, instrument reaches the global fetch alone: what else sends requests is not stamped')
    return patchGlobalFetch(options)
  }
  if (!announcesHttp()) warnOnce('Node before 22.12 does not announce requests of node:http: those are not stamped')

  /** The stamp of a request that is made now; undefined if it gets none. */
  function callFor(url: string, has: (names: readonly string[]) => boolean): Call | undefined {
    const target = policy.targetFor(url)
    if (target === undefined || has(target.gateway.headers)) return undefined
    if (target.gateway.headers.length === 0 && policy.extensions.length === 0) return undefined
    // Sockets are opened in the scope of a call, and other requests may be created in it.
    const scope = isCallScope(current()) ? undefined : activeScope(policy.session)
    const stamp = scope && stampFor(scope, target, policy.extensions)
    return stamp && { target, stamp, context: hasListeners(policy.onOutcome) ? capture() : undefined }
  }

  function report({ target, stamp, context }: Call, status: unknown, headers: unknown): void {
    recordOutcomeInContext(context, { target, stamp, body: undefined }, status, headers, policy.onOutcome)
    for (const part of stamp.parts) part.answered(Number(status), headers)
  }

  function onUndici({ request }: { request: UndiciRequest }): void {
    const origin = originOf(request.origin)
    if (origin === undefined || !policy.isNamed(origin) || request.method === 'CONNECT') return
    const { headers } = request
    const has = (names: readonly string[]): boolean => headers.some((each, i) => i % 2 === 0 && isIn(names, each))
    const call = callFor(`${origin}${String(request.path)}`, has)
    // Also without a stamp: a retry of it would otherwise be made in the scope in which the socket was opened.
    const isBound = bindHandler(request, current(), {
      answered: (status, answer) => {
        if (call !== undefined) report(call, status, answer)
      },
      ended: (isFailed, error) => {
        if (isFailed) for (const part of call?.stamp.parts ?? []) part.failed(error)
      },
    })
    if (call === undefined || !isBound) return
    write(call, has, (name, key) => request.addHeader(name, key))
    const at = (name: string): number => headers.findIndex((each, i) => i % 2 === 0 && isIn([name], each)) + 1
    for (const part of call.stamp.parts) {
      part.writeHeaders(
        (name) => (at(name) > 0 ? headers[at(name)] : undefined),
        (name, value) => (at(name) > 0 ? headers.splice(at(name), 1, value) : request.addHeader(name, value)),
      )
    }
  }

  // Queued requests of a pool are created from the events of a socket, in the scope in which it was opened.
  function onConnected({ connectParams, socket }: { connectParams: ConnectParams; socket: Emitter }): void {
    const origin = originOf(`${connectParams.protocol}//${connectParams.host}`)
    if (origin === undefined || !policy.isNamed(origin)) return
    const { emit } = socket
    const outside = enter(undefined, capture)
    socket.emit = (...args) => outside.runInAsyncScope(emit, socket, ...args)
    leave()
  }

  const calls = new WeakMap<object, HttpCall>()

  function onHttp({ request }: { request: HttpRequest }): void {
    if (request.socketPath !== undefined || request.headersSent) return
    const host = String(request.getHeader('host') ?? request.host)
    const origin = originOf(`${request.protocol}//${host}`)
    // A Host header that the caller has set does not show where the request goes.
    const url = origin === undefined ? undefined : parseUrl(origin)
    if (origin === undefined || url?.hostname !== hostnameOf(request.host)) return
    if (!policy.isNamed(origin) || !connectsTo(request, url.port || (url.protocol === 'https:' ? '443' : '80'))) return
    const has = (names: readonly string[]): boolean => names.some((name) => request.hasHeader(name))
    const call = callFor(`${origin}${request.path}`, has)
    if (call === undefined) return
    const written = new Map<string, Written>()
    const set = (name: string, value: string): void => {
      written.set(name, { value, before: written.get(name)?.before ?? request.getHeader(name) })
      request.setHeader(name, value)
    }
    write(call, has, set)
    for (const part of call.stamp.parts) part.writeHeaders((name) => request.getHeader(name), set)
    calls.set(request, { ...call, written })
  }

  function onHttpAnswer({ request, response }: { request: object; response: HttpResponse }): void {
    const call = calls.get(request)
    if (call === undefined) return
    const status = Number(response.statusCode)
    if (status >= 300 && status < 400) hideHeaders(request, call.written)
    report(call, response.statusCode, response.headers)
  }

  const subscribers: Readonly<Record<string, Subscriber>> = {
    'undici:request:create': safely(onUndici),
    'undici:client:connected': safely(onConnected),
    'http.client.request.created': safely(onHttp),
    'http.client.response.finish': safely(onHttpAnswer),
  }
  for (const [name, subscriber] of Object.entries(subscribers)) channels.subscribe(name, subscriber)
  return () => {
    for (const [name, subscriber] of Object.entries(subscribers)) channels.unsubscribe?.(name, subscriber)
  }
}

// Bun and Deno have diagnostics channels too, but their fetch publishes nothing on them.
function isNode(): boolean {
  const { process, Bun, Deno }: { process?: NodeJS.Process; Bun?: unknown; Deno?: unknown } = globalThis
  return Bun === undefined && Deno === undefined && process?.versions?.undici !== undefined
}

function announcesHttp(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  return major > 22 || (major === 22 && minor >= 12)
}

interface Call {
  readonly target: Target
  readonly stamp: Stamp
  readonly context: Context | undefined
}

interface HttpCall extends Call {
  readonly written: ReadonlyMap<string, Written>
}

interface ConnectParams {
  readonly protocol: unknown
  readonly host: unknown
}

interface Emitter {
  emit: (...args: unknown[]) => unknown
}

interface HttpResponse {
  readonly statusCode?: number
  readonly headers: object
}

function write(
  { target, stamp: { key, parent } }: Call,
  has: (names: readonly string[]) => boolean,
  add: (name: string, value: string) => void,
): void {
  const isParentSet = parent !== undefined && has([parent[0]])
  for (const name of target.gateway.headers) add(name, key)
  if (parent !== undefined && !isParentSet) add(parent[0], parent[1])
}

// In the form of a URL: an IPv6 address is in brackets.
function hostnameOf(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host.toLowerCase()
}

// A request does not expose its port, and the Host header may be the caller's or lack it. Node's agents have the ports of a
// host, but do not show which of several ports a request uses.
function connectsTo({ agent, host }: HttpRequest, port: string): boolean {
  const lists = [agent?.sockets, agent?.requests]
  const names = lists.flatMap((list) => Object.keys(list ?? {})).filter((name) => name.startsWith(`${host}:`))
  return names.length === 0 || names.some((name) => name.startsWith(`${host}:${port}:`))
}

// An error in a subscriber would end the process.
function safely<Message>(subscriber: (message: Message) => void): Subscriber {
  return (message) => {
    try {
      subscriber(message as Message)
    } catch {
      warnOnce('a fault of its own kept a request from being stamped. The request was sent without a key')
    }
  }
}
