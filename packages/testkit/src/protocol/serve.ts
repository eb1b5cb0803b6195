import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type Context, Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import { type Listening, listen } from '../listen.js'
import { type Ask, type Completion, type Dialect, type Event, errorBody, isObject, type Reply } from './dialect.js'
import { model, modelList } from './models.js'
import { promptText } from './prompt.js'
import { routes } from './routes.js'

/** A request that has arrived whole, before anything is answered. */
export interface Exchange {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  readonly body: Uint8Array
  /** Aborts when the server closes: whatever waits then stops waiting. */
  readonly closing: AbortSignal
}

/** What makes one LLM server different from another. */
export interface Behaviour {
  readonly port: number
  readonly models: readonly string[]
  /** Sees every request, whatever its path. A response given back is the answer; `alreadySent`: it was written by hand. */
  before?(exchange: Exchange): Promise<Response | undefined> | Response | undefined
  complete(ask: Ask, exchange: Exchange): Promise<Completion> | Completion
  /** So many events of a streamed answer, then the socket is destroyed. Absent or undefined: the whole answer. */
  cutAfter?(exchange: Exchange): number | undefined
}

/** The response to give back when the request was dealt with on the raw socket. */
export const alreadySent: Response = RESPONSE_ALREADY_SENT

interface Env {
  Bindings: HttpBindings
  Variables: { exchange: Exchange }
}

let served = 0

/** Starts a server that speaks every dialect of `routes.ts`. Rejects when the port is taken. */
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
  for (const { path, dialect } of routes) app.post(path, (c) => answer(c, dialect, behaviour))
  // Routers ask before they send anything.
  app.get('/health', (c) => c.body(null))
  for (const prefix of ['/v1', '/openai/v1', '/openai']) {
    app.get(`${prefix}/models`, (c) => c.json(modelList(behaviour.models)))
    app.get(`${prefix}/models/:model`, (c) => c.json(model(c.req.param('model'))))
  }
  app.notFound((c) => failure(c, 404, `Nothing is served at ${c.req.method} ${c.env.incoming.url}`))
  app.onError((error, c) => failure(c, 500, error.message))

  // Without the switch the adaptor replaces the process's global Request and Response: not a server's to do.
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server
  return listen(server, behaviour.port).then((listening) => ({
    ...listening,
    close: () => {
      closing.abort()
      return listening.close()
    },
  }))
}

async function answer(c: Context<Env>, dialect: Dialect, behaviour: Behaviour): Promise<Response> {
  const exchange = c.get('exchange')
  const body = parse(exchange.body)
  if (!isObject(body)) return failure(c, 400, 'The body is not a JSON object')
  const ask: Ask = {
    dialect,
    body,
    model: typeof body.model === 'string' ? body.model : (c.req.param('deployment') ?? behaviour.models[0] ?? ''),
    stream: body.stream === true,
    prompt: promptText(body, dialect.reads),
  }
  const completion = await behaviour.complete(ask, exchange)
  served += 1
  const reply: Reply = {
    ...completion,
    ask,
    id: served.toString(36).padStart(12, '0'),
    created: Math.floor(Date.now() / 1000),
  }
  for (const [name, value] of Object.entries(completion.headers ?? {})) c.header(name, value)

  const cut = behaviour.cutAfter?.(exchange)
  const events = ask.stream && dialect.events?.(reply)
  if (cut !== undefined) return cutShort(exchange, events || [], cut)
  if (events) return stream(c, events, reply.pace ?? 0, exchange.closing)
  await rest(reply.pieces.length * (reply.pace ?? 0), exchange.closing)
  return c.json(dialect.plain(reply))
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

/** By hand: only the raw response tells when an event has really left, so that exactly the promised ones arrive. */
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

/** Nothing at all for no time: even a timer of 0 ms would cost a turn of the event loop and about a millisecond. */
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
