// Compiled and not run: the helpers fit the types of the frameworks.
import { Controller, type ExecutionContext, UseInterceptors } from '@nestjs/common'
import { Worker } from 'bullmq'
import express, { type Request as ExpressRequest } from 'express'
import fastify, { type FastifyRequest } from 'fastify'
import { type Context, Hono } from 'hono'
import Koa, { type Context as KoaContext } from 'koa'
import { serverSessions } from 'llm-affinity/server'

const sessions = serverSessions({ secret: process.env.SESSION_SECRET })
const conversation = 'conversation-42'

express().use(
  '/chat/:id',
  sessions.express((request: ExpressRequest) => ({ user: String(request.headers.user), conversation })),
)
fastify().addHook(
  'preHandler',
  sessions.fastify(async (request: FastifyRequest) => ({ user: String(request.headers.user), conversation })),
)
new Koa().use(sessions.koa((context: KoaContext) => ({ user: context.get('user'), conversation })))
new Hono().use(
  '/chat/:id',
  sessions.hono((context: Context) => ({ user: context.get('user'), conversation })),
)

@Controller('chat')
@UseInterceptors(
  sessions.nest((context: ExecutionContext) => ({ user: context.switchToHttp().getRequest(), conversation })),
)
export class Chat {}

export const POST: (request: Request) => Promise<Response> = sessions.handler(
  async (request: Request) => ({ user: request.url, conversation }),
  async () => new Response(),
)
export const withParams: (request: Request, context: { params: Promise<{ id: string }> }) => Promise<Response> =
  sessions.handler(
    async (request: Request, { params }) => ({ user: request.url, conversation: (await params).id }),
    async (_, { params }: { params: Promise<{ id: string }> }) => new Response((await params).id),
  )
new Worker('turns', (job) => sessions.run(job.data, async () => job.id), { connection: {} })
