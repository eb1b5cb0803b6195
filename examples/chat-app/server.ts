import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { serve } from '@hono/node-server'
import { serveStatic } from '@hono/node-server/serve-static'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { secureHeaders } from 'hono/secure-headers'
import { z } from 'zod'
import type { Chats } from './chats.ts'
import type { Fleet } from './fleet.ts'
import { createModel } from './model.ts'
import { playAll } from './play.ts'
import { takeTurn } from './turn.ts'
import { Users } from './users.ts'

export interface ServerOptions {
  readonly fleet: Fleet
  readonly model: string
  /** 0 for a free one. */
  readonly port: number
  /** What the keys of sessions are made with. @default a random one */
  readonly secret?: string
  /** Milliseconds between two turns of a conversation that is played. @default 500 */
  readonly pauseMs?: number
}

/** The app, which listens. */
export interface App extends AsyncDisposable {
  readonly origin: string
}

const Turn = z.object({ text: z.string().trim().min(1).max(4_000) })
const Affinity = z.object({ on: z.boolean() })

const page = fileURLToPath(new URL('page', import.meta.url))

export async function startServer(options: ServerOptions): Promise<App> {
  const { fleet, model, port, secret = crypto.randomUUID(), pauseMs = 500 } = options
  const ask = createModel(fleet, model)
  const users = new Users(fleet, secret)
  const closing = new AbortController()
  const app = new Hono<{ Variables: { chats: Chats } }>()

  app.use(secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'self'"] } }))

  app.use('/', async (context, next) => {
    await users.logIn(context)
    await next()
  })

  app.use('/api/*', bodyLimit({ maxSize: 32 * 1_024 }), async (context, next) => {
    const chats = await users.chatsOf(context)
    if (chats === undefined) return context.text('Open the page first', 401)
    context.set('chats', chats)
    await next()
  })

  app.get('/api/events', (context) => {
    const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }
    return context.body(context.var.chats.events(), 200, headers)
  })

  app.post('/api/conversations', (context) => context.json({ id: context.var.chats.create().id }, 201))

  app.post('/api/conversations/:id/turns', async (context) => {
    const { chats } = context.var
    // Only this user's conversations are found.
    const conversation = chats.get(context.req.param('id'))
    if (conversation === undefined) return context.text('There is no such conversation', 404)
    const turn = Turn.safeParse(await bodyOf(context))
    if (!turn.success) return context.text('Expected { "text": "…" }', 400)
    if (conversation.busy) return context.text('The last turn is not over', 409)
    // What comes of it is told in the events.
    void takeTurn(ask, chats, conversation, turn.data.text)
    return context.body(null, 202)
  })

  app.put('/api/affinity', async (context) => {
    const wanted = Affinity.safeParse(await bodyOf(context))
    if (!wanted.success) return context.text('Expected { "on": true } or { "on": false }', 400)
    context.var.chats.set({ affinity: wanted.data.on })
    return context.body(null, 204)
  })

  app.post('/api/play', (context) => {
    const { chats } = context.var
    if (chats.playing) return context.text('They are playing already', 409)
    void playAll(chats, (...turn) => takeTurn(ask, chats, ...turn), pauseMs, closing.signal)
    return context.body(null, 202)
  })

  app.use(serveStatic({ root: page }))

  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port }) as Server
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      closing.abort()
      users.close()
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** What is not JSON is undefined, which no schema takes. */
function bodyOf(context: Context): Promise<unknown> {
  return context.req.json().catch(() => undefined)
}
