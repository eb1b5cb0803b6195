import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ClientRequest } from 'node:http'
import type { RequestView } from './request-view.js'

/** One request that this process sent. Its body cannot be seen. */
export interface OutgoingRequest extends RequestView {
  /** `https://host:port` */
  readonly origin: string
}

/** The requests that this process has sent since `watchOutgoing` was called. */
export interface Outgoing extends Disposable {
  /** In the order in which they were created. Live: it grows until `stop`. */
  readonly requests: readonly OutgoingRequest[]
  /** Ends the recording; `requests` stays as it is. */
  stop(): void
}

/**
 * Records every request that this process sends, to any host, through `fetch`, undici, `node:http` and `node:https`,
 * including each hop of a redirect and each attempt of a retry. It changes no request.
 *
 * Node only: it subscribes to the diagnostics channels of `http` and undici.
 *
 * @example
 * using outgoing = watchOutgoing()
 * await agent.run('Hello')
 * assertKeysOnlyTo(outgoing, 'http://gateway:4000')
 */
export function watchOutgoing(): Outgoing {
  const requests: OutgoingRequest[] = []
  const listeners: Readonly<Record<string, (message: unknown) => void>> = {
    'undici:request:create': (message) => {
      const { request } = message as { request: UndiciRequest }
      requests.push(new RecordedOutgoing(String(request.origin), request, pairsOf(request.headers)))
    },
    'http.client.request.start': (message) => {
      const { request } = message as { request: ClientRequest }
      const pairs = Object.entries(request.getHeaders()).map(([name, value]) => [name, String(value)] as const)
      const origin = `${request.protocol}//${request.getHeader('host') ?? request.host}`
      requests.push(new RecordedOutgoing(origin, request, pairs))
    },
  }
  for (const [name, listener] of Object.entries(listeners)) subscribe(name, listener)
  const stop = (): void => {
    for (const [name, listener] of Object.entries(listeners)) unsubscribe(name, listener)
  }
  return { requests, stop, [Symbol.dispose]: stop }
}

/** The request as undici publishes it. `headers` is a flat list of names and values; in older versions, lines of text. */
interface UndiciRequest {
  readonly origin: string | URL
  readonly method: string
  readonly path: string
  readonly headers: readonly unknown[] | string
}

class RecordedOutgoing implements OutgoingRequest {
  readonly origin: string
  readonly method: string
  readonly path: string
  readonly rawHeaders: readonly (readonly [name: string, value: string])[]

  constructor(
    origin: string,
    { method, path }: { readonly method: string; readonly path: string },
    rawHeaders: readonly (readonly [name: string, value: string])[],
  ) {
    this.origin = URL.parse(origin)?.origin ?? origin
    this.method = method
    this.path = path
    this.rawHeaders = rawHeaders
  }

  header(name: string): string | undefined {
    return this.rawHeaders.find(([each]) => each.toLowerCase() === name.toLowerCase())?.[1]
  }
}

function pairsOf(headers: readonly unknown[] | string): (readonly [string, string])[] {
  if (typeof headers === 'string') {
    return headers.split('\r\n').flatMap((line) => {
      const at = line.indexOf(':')
      return at > 0 ? [[line.slice(0, at), line.slice(at + 1).trim()] as const] : []
    })
  }
  return headers.flatMap((name, at) => (at % 2 === 0 ? [[String(name), String(headers[at + 1])] as const] : []))
}
