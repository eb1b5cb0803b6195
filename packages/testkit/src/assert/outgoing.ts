import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ClientRequest } from 'node:http'
import type { Carried } from './carried.js'

/** One request on its way out of this process. Its body is not seen. */
export interface OutgoingRequest extends Carried {
  /** `https://host:port` */
  readonly origin: string
}

/** What has left this process since the watch began. */
export interface Outgoing extends Disposable {
  readonly requests: readonly OutgoingRequest[]
  stop(): void
}

/**
 * Watches every request that this process sends, to whatever host, by `fetch`, undici, `node:http` and `node:https`, each
 * hop of a redirect and each attempt of a retry. Nothing is changed or slowed down but by the time to write it down.
 *
 * Node only: it listens to the diagnostics channels of `http` and undici.
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
      requests.push(new Seen(String(request.origin), request, pairsOf(request.headers)))
    },
    'http.client.request.start': (message) => {
      const { request } = message as { request: ClientRequest }
      const pairs = Object.entries(request.getHeaders()).map(([name, value]) => [name, String(value)] as const)
      requests.push(new Seen(`${request.protocol}//${request.getHeader('host') ?? request.host}`, request, pairs))
    },
  }
  for (const [name, listener] of Object.entries(listeners)) subscribe(name, listener)
  const stop = (): void => {
    for (const [name, listener] of Object.entries(listeners)) unsubscribe(name, listener)
  }
  return { requests, stop, [Symbol.dispose]: stop }
}

/** What undici publishes of a request; headers are a flat list, in older versions lines of text. */
interface UndiciRequest {
  readonly origin: string | URL
  readonly method: string
  readonly path: string
  readonly headers: readonly unknown[] | string
}

class Seen implements OutgoingRequest {
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
