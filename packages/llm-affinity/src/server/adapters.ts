// Server frameworks: each runs the rest of a request in the scope of its session. They are recognised by what they call, and
// none is imported.

import type { Session } from '../session/session.js'
import { checkFunction } from '../util/errors.js'
import {
  type ConversationOf,
  checkConversationOf,
  type Found,
  runIn,
  type ServerSessionsOptions,
  sessionsOf,
  withSessionOf,
} from './conversation.js'
import { bindEvents, observableIn, responseIn } from './streams.js'

/** What is used of Nest's ExecutionContext. */
export interface NestContext {
  /** Returns the host of the request and the response. */
  switchToHttp(): {
    /** The request of Express or Fastify. */
    getRequest(): unknown
    /** The response of Express, the reply of Fastify. */
    getResponse(): unknown
  }
}

/** An interceptor of Nest. */
export interface NestInterceptor<Context extends NestContext> {
  /** Runs the handler in the session of its conversation. Nest calls it once per request. */
  intercept<T>(context: Context, next: { handle(): T }): T | Promise<T>
}

/** The helpers of a server. All of them use the same secret, so that they find the same session for the same conversation. */
export interface ServerSessions {
  /**
   * Runs `fn` in the session of a conversation: for jobs of a queue, and servers that have no helper here. Without a
   * conversation it only runs `fn`.
   *
   * @example
   * new Worker('turns', (job) => sessions.run(job.data, () => answer(job.data)))
   */
  run<T>(conversation: Found, fn: () => T): T
  /** Middleware for Express 4 and 5, and others with `(request, response, next)`. Place it after authentication. */
  express<Request extends object>(
    conversationOf: ConversationOf<Request>,
  ): (request: Request, response: object, next: (error?: unknown) => void) => void
  /** A `preHandler` hook for Fastify: `app.addHook('preHandler', sessions.fastify(…))`. Add it after authentication. */
  fastify<Request extends object>(
    conversationOf: ConversationOf<Request>,
  ): (request: Request, reply: object, done: (error?: Error) => void) => void
  /** Middleware for Koa, streamed bodies included. */
  koa<Context extends object>(
    conversationOf: ConversationOf<Context>,
  ): (context: Context, next: () => Promise<unknown>) => Promise<void>
  /** Middleware for Hono, streamed bodies included. */
  hono<Context extends object>(
    conversationOf: ConversationOf<Context>,
  ): (context: Context, next: () => Promise<void>) => Promise<void>
  /** An interceptor for Nest, on Express or Fastify. Interceptors run after guards, which authenticate. */
  nest<Context extends NestContext>(conversationOf: ConversationOf<Context>): NestInterceptor<Context>
  /**
   * Wraps a function from a `Request` to a `Response`, with whatever else it is called with: a route handler of Next.js, SvelteKit or React Router, the `fetch` of
   * Bun, Deno and Workers.
   */
  handler<Request, Rest extends readonly unknown[]>(
    conversationOf: ConversationOf<Request, Rest>,
    handle: (request: Request, ...rest: Rest) => Response | Promise<Response>,
  ): (request: Request, ...rest: Rest) => Promise<Response>
}

/**
 * Makes the helpers by which a server runs each request in the session of its conversation: its handler, what it streams, and
 * what runs after the response. The session comes from the authenticated user and the conversation, never from a header that
 * a client has sent.
 *
 * @throws TypeError without a secret. Each helper throws a TypeError if it is given no function.
 *
 * @example
 * const sessions = serverSessions({ secret: process.env.SESSION_SECRET })
 * app.use('/chat/:id', sessions.hono((c) => ({ user: c.get('user').id, conversation: c.req.param('id') })))
 */
export function serverSessions(options: ServerSessionsOptions): ServerSessions {
  const sessionOf = sessionsOf(options)

  return {
    run(conversation, fn) {
      checkFunction(fn, 'Write sessions.run({ user: …, conversation: … }, () => …)')
      return runIn(sessionOf(conversation), fn)
    },

    express(conversationOf) {
      checkConversationOf(conversationOf, 'express')
      return (request, response, next) => {
        const started = withSessionOf(
          sessionOf,
          () => conversationOf(request),
          (session) => {
            bindAll(session, request, response)
            runIn(session, next)
          },
        )
        passFailure(started, next)
      }
    },

    fastify(conversationOf) {
      checkConversationOf(conversationOf, 'fastify')
      return (request, reply, done) => {
        const started = withSessionOf(
          sessionOf,
          () => conversationOf(request),
          (session) => {
            bindAll(session, rawOf(request), rawOf(reply))
            runIn(session, done)
          },
        )
        passFailure(started, (error) => done(error as Error))
      }
    },

    koa(conversationOf) {
      checkConversationOf(conversationOf, 'koa')
      return async (context, next) => {
        const { req, res } = context as { readonly req?: unknown; readonly res?: unknown }
        await withSessionOf(
          sessionOf,
          () => conversationOf(context),
          (session) => {
            bindAll(session, req, res)
            return runIn(session, next)
          },
        )
      }
    },

    hono(conversationOf) {
      checkConversationOf(conversationOf, 'hono')
      return async (context, next) => {
        await withSessionOf(
          sessionOf,
          () => conversationOf(context),
          async (session) => {
            await runIn(session, next)
            if (session !== undefined) replaceResponse(session, context as { res?: Response | undefined })
          },
        )
      }
    },

    nest(conversationOf) {
      checkConversationOf(conversationOf, 'nest')
      return {
        intercept: (context, next) =>
          withSessionOf(
            sessionOf,
            () => conversationOf(context),
            (session) => {
              const http = context.switchToHttp()
              bindAll(session, rawOf(http.getRequest()), rawOf(http.getResponse()))
              const handled = runIn(session, () => next.handle())
              return session === undefined ? handled : observableIn(session, handled)
            },
          ),
      }
    },

    handler(conversationOf, handle) {
      checkConversationOf(conversationOf, 'handler')
      return async (request, ...rest) =>
        await withSessionOf(
          sessionOf,
          () => conversationOf(request, ...rest),
          async (session) => {
            const response = await runIn(session, () => handle(request, ...rest))
            return session === undefined ? response : responseIn(session, response)
          },
        )
    },
  }
}

// A conversation that could not be found is the request's error, as one of any other middleware.
function passFailure(started: unknown, next: (error?: unknown) => void): void {
  if (!(started instanceof Promise)) return
  started.catch((reason: unknown) => {
    // Without a reason, or with Express's words 'route' and 'router', the handler would run.
    next(reason === Object(reason) ? reason : new Error('No conversation was found', { cause: reason }))
  })
}

function bindAll(session: Session | undefined, ...emitters: readonly unknown[]): void {
  if (session === undefined) return
  for (const emitter of emitters) bindEvents(session, emitter)
}

// Fastify's request and reply hold those of Node.
function rawOf(wrapped: unknown): unknown {
  return Object(wrapped).raw ?? wrapped
}

// Hono adds the headers of a response that is replaced to those of the next one, unless it is removed first.
function replaceResponse(session: Session, context: { res?: Response | undefined }): void {
  const { res } = context
  const inside = res && responseIn(session, res)
  if (inside === res) return
  context.res = undefined
  context.res = inside
}
