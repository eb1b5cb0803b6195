import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type Context, Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import {
  type ApiFormat,
  type Completion,
  type Event,
  errorBody,
  isObject,
  type ModelRequest,
  type Reply,
} from '../protocol/api-format.js'
import { model, modelList } from '../protocol/models.js'
import { promptText } from '../protocol/prompt.js'
import { routes } from '../protocol/routes.js'
import { type Listening, listen } from './listen.js'

/** A request that has arrived completely and is not answered yet. */
export interface Exchange {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  readonly body: Uint8Array
  /** Aborts when the server closes, so that nothing keeps waiting. */
  readonly closing: AbortSignal
}

/** What differs between the servers of this package. */
export interface Behaviour {
  readonly port: number
  readonly models: readonly string[]
  /** Called for every request, on any path. A returned response is sent; `alreadySent` if it was sent already. */
  before?(exchange: Exchange): Promise<Response | undefined> | Response | undefined
  complete(request: ModelRequest, exchange: Exchange): Promise<Completion> | Completion
  /** The number of events after which the socket of a streamed answer is closed; undefined for the whole answer. */
  cutAfter?(exchange: Exchange): number | undefined
}

/** Returned by `before` when the answer was written to the raw socket. */
export const alreadySent: Response = RESPONSE_ALREADY_SENT

interface Env {
  Bindings: HttpBindings
  Variables: { exchange: Exchange }
}

let served = 0

/** Starts a server with every path of `routes.ts`. Rejects if the port is taken. */
export function serve(behaviour: Behaviour): Promise<Listening> {
  const closing = new AbortController()
  const app = new Hono<Env>()

  app.use(async (c, next) => {
    const { incoming, outgoing } = c.env
    const body = new Uint8Array(await c.req.arrayBuffer())
    const exchange: Exchange = { incoming, outgoing, body, closing: closing.signal }
    const answer = await behaviour.before?.(exchange)
    if (answer) return answer
    c.set('exchange', exchange)
    return next()
  })
  for (const { path, format } of routes) app.post(path, (c) => answer(c, format, behaviour))
  // Routers send health checks before they send requests.
  app.get('/health', (c) => c.body(null))
  for (const prefix of ['/v1', '/openai/v1', '/openai']) {
    app.get(`${prefix}/models`, (c) => c.json(modelList(behaviour.models)))
    app.get(`${prefix}/models/:model`, (c) => c.json(model(c.req.param('model'))))
  }
  app.notFound((c) => failure(c, 404, `Nothing is served at ${c.req.method} ${c.env.incoming.url}`))
  app.onError((error, c) => failure(c, 500, error.message))

  // By default the adaptor replaces the global Request and Response of the process.
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server
  return listen(server, behaviour.port).then((listening) => ({
    ...listening,
    close: () => {
      closing.abort()
      return listening.close()
    },
  }))
}

async function answer(c: Context<Env>, format: ApiFormat, behaviour: Behaviour): Promise<Response> {
  const exchange = c.get('exchange')
  const body = parse(exchange.body)
  if (!isObject(body)) return failure(c, 400, 'The body is not a JSON object')
  const request: ModelRequest = {
    format,
    body,
    model: typeof body.model === 'string' ? body.model : (c.req.param('deployment') ?? behaviour.models[0] ?? ''),
    stream: body.stream === true,
    prompt: promptText(body, format.reads),
  }
  const completion = await behaviour.complete(request, exchange)
  served += 1
  const reply: Reply = {
    ...completion,
    request,
    id: served.toString(36).padStart(12, '0'),
    created: Math.floor(Date.now() / 1000),
  }
  for (const [name, value] of Object.entries(completion.headers ?? {})) c.header(name, value)

  const cut = behaviour.cutAfter?.(exchange)
  const events = request.stream && format.events?.(reply)
  if (cut !== undefined) return cutShort(exchange, events || [], cut)
  if (events) return stream(c, events, reply.pace ?? 0, exchange.closing)
  await rest(reply.pieces.length * (reply.pace ?? 0), exchange.closing)
  return c.json(format.plain(reply))
}

function stream(c: Context<Env>, events: Iterable<Event>, pace: number, closing: AbortSignal): Response {
  return streamSSE(c, async (out) => {
    for (const { event, data, piece } of events) {
      if (out.aborted) return
      if (piece) await rest(pace, closing)
      await out.writeSSE(event === undefined ? { data } : { event, data })
    }
  })
}

/** Writes to the raw response, which reports when an event has been sent, so that exactly `count` events arrive. */
async function cutShort({ outgoing }: Exchange, events: Iterable<Event>, count: number): Promise<Response> {
  outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
  outgoing.flushHeaders()
  let left = count
  for (const { event, data } of events) {
    if (left-- <= 0) break
    const text = `${event === undefined ? '' : `event: ${event}\n`}data: ${data}\n\n`
    await new Promise<void>((resolve) => outgoing.write(text, () => resolve()))
  }
  outgoing.socket?.destroySoon()
  return alreadySent
}

/** Waits. Returns at once for 0 ms, where a timer would take about a millisecond. */
export async function rest(ms: number, closing: AbortSignal): Promise<void> {
  if (ms > 0) await sleep(ms, undefined, { signal: closing })
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString())
  } catch {
    return undefined
  }
}

function failure(c: Context<Env>, status: 400 | 404 | 500, message: string): Response {
  return c.body(errorBody(status, message), status, { 'content-type': 'application/json' })
}
