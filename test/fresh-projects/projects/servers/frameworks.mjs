// One chat server for each framework. The session comes from the user that the server has authenticated.

import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { answer, encoded, expectLater, listening, readByEvents, sessions, turn, userOf } from './app.mjs'

/** What the test looks for: a stranger's calls carry no key. */
const nameOf = (user, id) => (user === undefined ? 'nobody' : `${user} / ${id}`)
const conversationOf = (user, id) => (user === undefined ? undefined : { user, conversation: id })

async function express(package_, name) {
  const { default: create } = await import(package_)
  const app = create()
  app.use((request, _, next) => {
    request.user = userOf(request.headers['x-token'])
    next()
  })
  app.use(
    '/chat/:id',
    sessions.express((request) => conversationOf(request.user, request.params.id)),
  )
  app.post('/chat/:id', async (request, response) => {
    const of = nameOf(request.user, request.params.id)
    const later = expectLater()
    response.once('finish', () => later(of, name))
    await readByEvents(request, () => turn(of, `${name}, after the body`))
    await turn(of, name)
    Readable.from(answer(of, name)).pipe(response)
  })
  return listening(app.listen(0, '127.0.0.1'))
}

async function fastify(package_, name) {
  const { default: create } = await import(package_)
  const app = create()
  app.addHook('onRequest', async (request) => {
    request.user = userOf(request.headers['x-token'])
    request.later = expectLater()
  })
  app.addHook(
    'preHandler',
    sessions.fastify(async (request) => conversationOf(request.user, request.params.id)),
  )
  app.addHook('preHandler', async (request) => {
    await turn(nameOf(request.user, request.params.id), `${name}, in a later hook`)
  })
  app.addHook('onResponse', async (request) => {
    await request.later(nameOf(request.user, request.params.id), name)
  })
  app.post('/chat/:id', async (request, reply) => {
    const of = nameOf(request.user, request.params.id)
    await turn(of, name)
    // Fastify 4.0 knows no web streams.
    const isWeb = request.params.id.endsWith('1') && !app.version.startsWith('4.')
    const stream = Readable.from(answer(of, name))
    return reply.type('text/plain').send(isWeb ? Readable.toWeb(stream) : stream)
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return listening(app.server)
}

async function koa(package_, name) {
  const { default: Koa } = await import(package_)
  const app = new Koa()
  app.use(async (context, next) => {
    context.state.user = userOf(context.get('x-token'))
    await next()
  })
  const idOf = (context) => context.path.split('/').at(-1)
  app.use(sessions.koa((context) => conversationOf(context.state.user, idOf(context))))
  app.use(async (context) => {
    const of = nameOf(context.state.user, idOf(context))
    const later = expectLater()
    context.res.once('finish', () => later(of, name))
    await readByEvents(context.req, () => turn(of, `${name}, after the body`))
    await turn(of, name)
    context.type = 'text/plain'
    context.body = Readable.from(answer(of, name))
  })
  return listening(app.listen(0, '127.0.0.1'))
}

async function hono(package_, name) {
  const { Hono } = await import(package_)
  const { serve } = await import('@hono/node-server')
  const { streamSSE } = await import('hono/streaming')
  const app = new Hono()
  app.use(async (context, next) => {
    context.set('user', userOf(context.req.header('x-token')))
    await next()
  })
  app.use(
    '/chat/:id',
    sessions.hono((context) => conversationOf(context.get('user'), context.req.param('id'))),
  )
  app.post('/chat/:id', async (context) => {
    const id = context.req.param('id')
    const of = nameOf(context.get('user'), id)
    await context.req.text()
    await turn(of, name)
    if (id.endsWith('1')) {
      return streamSSE(context, async (stream) => {
        for await (const data of answer(of, name)) await stream.writeSSE({ data })
      })
    }
    context.header('set-cookie', 'a=1', { append: true })
    return context.body(ReadableStream.from(encoded(answer(of, name))))
  })
  return listening(serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }))
}

/** A function from a Request to a Response, as Next, Bun, Deno and Workers have it, on a server of Node. */
async function handler(_, name) {
  const { serve } = await import('@hono/node-server')
  const idOf = (request) => request.url.split('/').at(-1)
  const handle = sessions.handler(
    async (request) => conversationOf(userOf(request.headers.get('x-token')), idOf(request)),
    async (request) => {
      const of = nameOf(userOf(request.headers.get('x-token')), idOf(request))
      await request.text()
      await turn(of, name)
      return new Response(ReadableStream.from(encoded(answer(of, name))))
    },
  )
  return listening(serve({ fetch: handle, port: 0, hostname: '127.0.0.1' }))
}

async function nest(platform, name) {
  await import('reflect-metadata')
  const { Controller, Module, Post, Req, StreamableFile, UseGuards, UseInterceptors } = await import('@nestjs/common')
  const { NestFactory } = await import('@nestjs/core')

  class Authentication {
    canActivate(context) {
      const request = context.switchToHttp().getRequest()
      request.user = userOf(request.headers['x-token'])
      return true
    }
  }
  class Chat {
    async chat(request) {
      const of = nameOf(request.user, request.params.id)
      await turn(of, name)
      return new StreamableFile(
        Readable.from(answer(of, name)).map((chunk) => Buffer.from(chunk), { highWaterMark: 1 }),
      )
    }
  }
  const interceptor = sessions.nest((context) => {
    const request = context.switchToHttp().getRequest()
    return conversationOf(request.user, request.params.id)
  })
  // What decorators do, in JavaScript.
  Controller('chat')(Chat)
  Post(':id')(Chat.prototype, 'chat', Object.getOwnPropertyDescriptor(Chat.prototype, 'chat'))
  Req()(Chat.prototype, 'chat', 0)
  UseGuards(Authentication)(Chat)
  UseInterceptors(interceptor)(Chat)
  class App {}
  Module({ controllers: [Chat], providers: [Authentication] })(App)
  let app
  if (platform === 'fastify') {
    const { FastifyAdapter } = await import('@nestjs/platform-fastify')
    app = await NestFactory.create(App, new FastifyAdapter(), { logger: ['error'] })
  } else {
    app = await NestFactory.create(App, { logger: ['error'] })
  }
  await app.listen(0, '127.0.0.1')
  return listening(app.getHttpServer())
}

/** Node's own server, with the middleware for Express. */
async function connect(_, name) {
  const middleware = sessions.express((request) =>
    conversationOf(userOf(request.headers['x-token']), request.url.split('/').at(-1)),
  )
  const server = createServer((request, response) => {
    middleware(request, response, async () => {
      const of = nameOf(userOf(request.headers['x-token']), request.url.split('/').at(-1))
      await readByEvents(request, () => turn(of, name))
      Readable.from(answer(of, name)).pipe(response)
    })
  })
  return listening(server.listen(0, '127.0.0.1'))
}

export const frameworks = { express, fastify, koa, hono, handler, nest, connect }
