import { createServer, type IncomingMessage } from 'node:http'
import { createSecureServer, type Http2ServerRequest } from 'node:http2'
import type { AddressInfo, LookupFunction, Server } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { createSecureContext, type SecureContext } from 'node:tls'
import { gzipSync } from 'node:zlib'
import type { Dispatcher } from 'undici'
import { certificate } from './certificate.ts'
import { makeProxy } from './proxy.ts'
import type { Place, Script } from './script.ts'

export type Scheme = 'http' | 'https'
export type Origins = Readonly<Record<Place, string>>

/** What a server received. */
export interface Arrival {
  /** When, on the counter that passes use too. */
  readonly at: number
  readonly call: string
  readonly step: number
  /** The origin as the client names it: the scheme of the connection, and the host in the request. */
  readonly origin: string
  /** The server that received it. `home` and `other` serve the named origins; `foreign` is foreign whatever host a request names. */
  readonly server: 'home' | 'other' | 'foreign'
  readonly scheme: Scheme
  readonly method: string
  readonly session: string
  /** Names in lower case, in order. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

/** A request that passed our interceptor, or the position that it has in the full stack. */
export interface Pass {
  readonly at: number
  readonly call: string
  readonly step: number
  readonly origin: string
}

// A multiple of three, because of the delayed answers in `#answer`.
const CALLS_PER_ROUND = 300
const NAMES = { home: 'gateway.test', other: 'other.test', foreign: 'foreign.test' } as const
const SERVERS = ['home', 'other', 'foreign'] as const

/** Resolves every name of the tests to the loopback address. */
export const lookup: LookupFunction = (_name, options, callback) => {
  if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }])
  else callback(null, '127.0.0.1', 4)
}

/**
 * Three servers, each over http and over https with HTTP/1.1 and HTTP/2, and a proxy. What they answer is in the script
 * of the call that the path names: `/<call>/<step>/<session>`.
 */
export class Servers {
  readonly arrivals: Arrival[] = []
  /** The origin with which each request passed our interceptor, including redirects and retries from above it. */
  readonly passes: Pass[] = []
  /** The headers of each CONNECT request that the proxy received. */
  readonly tunnels: (readonly string[])[] = []
  readonly scripts: Map<string, { readonly script: Script; readonly origins: Origins }> = new Map()
  /** For clients. Made once, since that is expensive. */
  readonly trust: SecureContext
  proxy = ''
  #clock = 0
  #round = 0
  readonly #attempts = new Map<string, number>()
  readonly #ports = new Map<string, number>()
  readonly #servers: Server[] = []

  private constructor(trust: SecureContext) {
    this.trust = trust
  }

  static async start(): Promise<Servers> {
    const { cert, key } = await certificate(Object.values(NAMES))
    const servers = new Servers(createSecureContext({ ca: cert }))
    for (const server of SERVERS) {
      const answer = (scheme: Scheme) => (request: Incoming, response: Outgoing) =>
        void servers.#answer(server, scheme, request, response).catch(() => response.destroy())
      await servers.#listen(`http ${server}`, createServer(answer('http')))
      await servers.#listen(`https ${server}`, createSecureServer({ cert, key, allowHTTP1: true }, answer('https')))
    }
    servers.proxy = `http://127.0.0.1:${await servers.#listen('proxy', makeProxy(servers.tunnels))}`
    return servers
  }

  /** The origins of a stack, by name or by address. */
  origins(scheme: Scheme, isNamed: (server: Arrival['server']) => boolean): Origins {
    const at = (to: Scheme, server: (typeof SERVERS)[number], name: string): string =>
      `${to}://${name}:${this.#ports.get(`${to} ${server}`)}`
    const host = (server: (typeof SERVERS)[number]): string => (isNamed(server) ? NAMES[server] : '127.0.0.1')
    return {
      home: at(scheme, 'home', host('home')),
      other: at(scheme, 'other', host('other')),
      foreign: at(scheme, 'foreign', host('foreign')),
      alias: at(scheme, 'home', NAMES.foreign),
      scheme: at(scheme === 'http' ? 'https' : 'http', 'home', host('home')),
    }
  }

  /** An interceptor that notes what passes it. */
  notePasses(dispatch: Dispatcher['dispatch']): Dispatcher['dispatch'] {
    return (options, handler) => {
      const [, call = '', step] = options.path.split('/')
      const { origin } = new URL(options.origin ?? '')
      this.passes.push({ at: this.#clock++, call, step: Number(step), origin })
      return dispatch(options, handler)
    }
  }

  /** Forgets what was played, and returns the number of the next call: late requests then belong to no call. */
  forget(): number {
    this.arrivals.length = 0
    this.tunnels.length = 0
    this.passes.length = 0
    this.scripts.clear()
    this.#attempts.clear()
    this.#round++
    return this.#round * CALLS_PER_ROUND
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#servers.map((server) => {
        const closed = new Promise((resolve) => server.close(resolve))
        for (const socket of this.#sockets) socket.destroy()
        return closed
      }),
    )
  }

  readonly #sockets = new Set<{ destroy(): void }>()

  async #listen(name: string, server: Server): Promise<number> {
    server.on('connection', (socket) => {
      this.#sockets.add(socket.setNoDelay(true))
      socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket))
    })
    this.#servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    this.#ports.set(name, port)
    return port
  }

  async #answer(server: Arrival['server'], scheme: Scheme, request: Incoming, response: Outgoing): Promise<void> {
    const body = (await buffer(request)).toString()
    const { rawHeaders } = request
    const headers = rawHeaders.flatMap((name, i) =>
      i % 2 === 0 ? [[name.toLowerCase(), rawHeaders[i + 1] ?? ''] as const] : [],
    )
    const host = headers.find(([name]) => name === 'host' || name === ':authority')?.[1]
    const [, call = '', index = '', session = ''] = (request.url ?? '').split('/')
    const step = Number(index)
    const method = request.method ?? ''
    const origin = `${scheme}://${host}`
    this.arrivals.push({ at: this.#clock++, call, step, origin, server, scheme, method, session, headers, body })
    const { script, origins } = this.scripts.get(call) ?? {}
    const attempt = this.#attempts.get(`${call}/${step}`) ?? 0
    this.#attempts.set(`${call}/${step}`, attempt + 1)
    const answers = script?.steps[step]?.answers ?? []
    const answer = answers[attempt] ?? answers.at(-1)
    if (script === undefined || origins === undefined || answer === undefined) throw new Error(`no script for ${call}`)
    // Some answers are delayed, so that those of different sessions overtake each other.
    if ((step + attempt + Number(call.slice(1))) % 3 === 0) await new Promise(setImmediate)
    if (answer.drop === true) {
      request.socket.destroy()
      return
    }
    const content = `${server} at step ${step}`
    const to = answer.to === undefined ? undefined : script.steps[answer.to]?.at
    const path = `/${call}/${answer.to}/${session}`
    response.statusCode = answer.status
    for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value)
    if (to !== undefined) response.setHeader('location', answer.relative === true ? path : `${origins[to]}${path}`)
    if (answer.gzip === true) response.setHeader('content-encoding', 'gzip')
    response.end(answer.status === 304 ? '' : answer.gzip === true ? gzipSync(content) : content)
  }
}

type Incoming = IncomingMessage | Http2ServerRequest
/** What both kinds of response have. */
interface Outgoing {
  statusCode: number
  setHeader(name: string, value: string): unknown
  end(content: string | Uint8Array): unknown
  destroy(): unknown
}
