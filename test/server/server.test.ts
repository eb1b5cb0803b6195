import { EventEmitter } from 'node:events'
import { createServer } from 'node:http'
import { serve } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { affinityFetch, currentSession, Session } from 'llm-affinity'
import { serverSessions } from 'llm-affinity/server'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { recorder } from '../support/recorder.ts'
import { keysAt } from '../support/wire.ts'

const server = await recorder()
const sessions = serverSessions({ secret: 'a secret of the test' })
const keyOf = (user: string, id: string) => new Session(id, { namespace: user, secret: 'a secret of the test' }).key
const send = affinityFetch()
const call = () => send(`${server.origin}/v1/models`).then((response) => response.text())

const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
beforeEach(() => emitWarning.mockClear())

/** What one user sends cannot change which key another user's calls carry. */
describe('a client that sends the id of somebody else’s conversation', () => {
  const userOf = (token: string | undefined) => (token === 'token of Alice' ? 'alice' : 'mallory')

  async function serveWith(app: Hono, play: (origin: string) => Promise<void>): Promise<void> {
    const running = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
    if (!running.listening) await new Promise((resolve) => running.once('listening', resolve))
    const address = running.address()
    try {
      await play(`http://127.0.0.1:${typeof address === 'object' && address?.port}`)
    } finally {
      await new Promise((resolve) => running.close(resolve))
    }
  }

  it('gets a key of its own, which is not sent by anybody else', async () => {
    const app = new Hono()
    app.use(
      '/chat/:id',
      sessions.hono((c: Context) => ({
        user: userOf(c.req.header('authorization')),
        conversation: c.req.param('id'),
      })),
    )
    app.post('/chat/:id', async (c) => c.text(await call()))
    await serveWith(app, async (origin) => {
      for (const authorization of ['token of Alice', 'token of Mallory']) {
        const headers = { authorization, 'x-session-id': keyOf('alice', '42'), 'x-litellm-session-id': '42' }
        await fetch(`${origin}/chat/42`, { method: 'POST', headers })
      }
    })
    expect(keysAt(server)).toEqual([keyOf('alice', '42'), keyOf('mallory', '42')])
    expect(keyOf('alice', '42')).not.toBe(keyOf('mallory', '42'))
  })

  it('reaches the victim’s backend where the server trusts an id of the client, as the docs say', async () => {
    const app = new Hono()
    app.post('/chat/:id', async (c) => c.text(await new Session(c.req.param('id')).run(call)))
    await serveWith(app, async (origin) => {
      for (const authorization of ['token of Alice', 'token of Mallory']) {
        await fetch(`${origin}/chat/conversation-42`, { method: 'POST', headers: { authorization } })
      }
    })
    expect(keysAt(server)).toEqual(['conversation-42', 'conversation-42'])
  })
})

describe('set-up mistakes', () => {
  it.each([
    [undefined, /options to be an object such as \{ secret: process.env.SESSION_SECRET \}, got undefined/],
    [{}, /`secret` to be a string that is not empty, got undefined. See docs\/servers.md/],
    [{ secret: '' }, /`secret` to be a string that is not empty, got an empty one/],
    [{ secret: 'a', namespace: 'b' }, /options to be among `secret`, got "namespace"/],
  ])('serverSessions throws for %o', (options, message) => {
    expect(() => serverSessions(options as never)).toThrow(TypeError)
    expect(() => serverSessions(options as never)).toThrow(message)
  })

  it.each([undefined, null, { user: 'alice', conversation: 'a' }])(
    'run(%o) throws where it is given no function',
    (found) => {
      expect(() => Reflect.apply(sessions.run, sessions, [found])).toThrow(
        'Expected `fn` to be a function, got undefined. Write sessions.run({ user: …, conversation: … }, () => …)',
      )
    },
  )

  it.each(['express', 'fastify', 'koa', 'hono', 'nest', 'handler'] as const)(
    '%s throws where it is given no function, and says what to write',
    (name) => {
      expect(() => Reflect.apply(sessions[name], sessions, [{ user: 'alice' }])).toThrow(
        `Expected a function that returns the conversation of a request, got an object. Write sessions.${name}(`,
      )
    },
  )
})

describe('a request without a conversation', () => {
  it.each([
    [undefined, 0],
    [null, 0],
    [{ user: 'alice' }, 1],
    [{ user: '', conversation: '42' }, 1],
    [{ user: 7, conversation: '42' }, 1],
    ['alice', 1],
  ])('runs without a session for %o, with a warning where that is a mistake', async (found, warnings) => {
    const handle = sessions.handler(
      () => found as never,
      async () => {
        expect(currentSession()).toBeUndefined()
        await call()
        return new Response('done')
      },
    )
    expect(await (await handle(new Request(server.origin))).text()).toBe('done')
    expect(keysAt(server)).toEqual([undefined])
    expect(emitWarning.mock.calls.length).toBeLessThanOrEqual(warnings)
  })

  it('says which part was missing, once', async () => {
    const run = () => sessions.run({ user: 'alice', conversation: 8 } as never, currentSession)
    expect([run(), run()]).toEqual([undefined, undefined])
    expect(emitWarning.mock.calls.map(([text]) => text)).toEqual([
      'llm-affinity: the conversation of a request needs a `conversation` that is a string, and got a number. Its calls are not pinned. Write String(…). See docs/servers.md',
    ])
  })
})

describe('what the application throws while it looks for the conversation', () => {
  const failure = new Error('no such user')
  it.each([
    [
      'at once',
      () => {
        throw failure
      },
    ],
    ['later', () => Promise.reject(failure)],
  ])('is the error of the request: %s', async (_, conversationOf) => {
    const next = vi.fn()
    const express = sessions.express(conversationOf)
    try {
      express({}, {}, next)
      await Promise.resolve()
      await Promise.resolve()
      expect(next.mock.calls).toEqual([[failure]])
    } catch (error) {
      // Express takes what middleware throws.
      expect(error).toBe(failure)
    }
    await expect(sessions.koa(conversationOf)({}, async () => {})).rejects.toBe(failure)
    await expect(sessions.hono(conversationOf)({}, async () => {})).rejects.toBe(failure)
    const handle = sessions.handler(conversationOf, () => new Response())
    await expect(handle(undefined as never)).rejects.toBe(failure)
  })
})

describe('a search that fails later', () => {
  // A thenable of another library, which is no promise, and one whose `then` returns nothing.
  // biome-ignore-start lint/suspicious/noThenProperty: this is what makes them thenables
  const foreign = (promise: Promise<never>): object => ({
    then: (...args: Parameters<typeof promise.then>) => foreign(promise.then(...args) as Promise<never>),
  })
  const poor = (promise: Promise<never>): object => ({
    then: (...args: Parameters<typeof promise.then>) => void promise.then(...args),
  })
  // biome-ignore-end lint/suspicious/noThenProperty: as above
  const libraries = {
    'a promise': (promise: Promise<never>) => promise,
    'a thenable': foreign,
    'a poor thenable': poor,
  }
  const reasons = [undefined, null, 0, 'route', 'router']
  const cases = Object.entries(libraries).flatMap(([what, make]) =>
    reasons.map((reason) => [what, reason, () => make(Promise.reject(reason)) as never] as const),
  )

  it.each(cases)(
    'as %s, with %s, is an error of the request, and its handler does not run',
    async (_, reason, find) => {
      for (const name of ['express', 'fastify'] as const) {
        const next = vi.fn()
        sessions[name](find)({}, {}, next)
        await expect.poll(() => next.mock.calls).toEqual([[expect.any(Error)]])
        expect(next.mock.calls[0]?.[0].cause).toBe(reason)
      }
    },
  )

  it('keeps a reason that is an object, such as an error of another realm', async () => {
    const reason = { status: 401 }
    const next = vi.fn()
    sessions.express(() => Promise.reject(reason))({}, {}, next)
    await expect.poll(() => next.mock.calls).toEqual([[reason]])
  })

  it('may also succeed, as a thenable', async () => {
    const found = { user: 'alice', conversation: '42' }
    // biome-ignore lint/suspicious/noThenProperty: as above
    const late = { then: (resolve: (value: typeof found) => void) => resolve(found) }
    const keys: unknown[] = []
    sessions.express(() => late as PromiseLike<typeof found>)({}, {}, () => keys.push(currentSession()?.key))
    await expect.poll(() => keys).toEqual([keyOf('alice', '42')])
  })
})

describe('a response', () => {
  const within = (respond: () => Response) =>
    sessions.handler(() => ({ user: 'alice', conversation: '42' }), respond)(new Request(server.origin))

  it.each([
    ['JSON', () => Response.json({ a: 1 })],
    ['a body of known length', () => new Response('text', { headers: { 'content-length': '4' } })],
    ['none', () => new Response(null, { status: 204 })],
    [
      'a body that was read',
      () => {
        const response = new Response('a')
        response.body?.getReader()
        return response
      },
    ],
    ['nothing at all, as in Bun after an upgrade', () => undefined as never],
  ])('is passed on as it is with %s', async (_, respond) => {
    let made: Response | undefined
    const response = await within(() => {
      made = respond()
      return made
    })
    expect(response).toBe(made)
  })

  it('keeps its status and headers, cookies included', async () => {
    const headers = new Headers([
      ['content-type', 'text/event-stream'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ])
    const response = await within(() => new Response('data: 1\n\n', { status: 201, headers }))
    expect([response.status, response.headers.get('content-type'), response.headers.getSetCookie()]).toEqual([
      201,
      'text/event-stream',
      ['a=1', 'b=2'],
    ])
    expect(await response.text()).toBe('data: 1\n\n')
  })

  it('produces its body in the session, wherever it is read, and is cancelled there', async () => {
    const seen: (string | undefined)[] = []
    const body = () =>
      new ReadableStream({
        pull: async (controller) => {
          seen.push(currentSession()?.key)
          controller.enqueue(new Uint8Array(1))
        },
        cancel: (reason) => {
          seen.push(`${reason}: ${currentSession()?.key}`)
        },
      })
    const response = await within(() => new Response(body()))
    const reader = response.body?.getReader()
    await reader?.read()
    await reader?.read()
    await reader?.cancel('enough')
    const key = keyOf('alice', '42')
    expect(seen).toEqual([...Array(seen.length - 1).fill(key), `enough: ${key}`])
    expect(seen.length).toBeGreaterThan(2)
  })

  it('of JSON in a sequence is no whole body', async () => {
    const sources: unknown[] = []
    const headers = { 'content-type': 'application/json-seq' }
    const response = await within(() => {
      const pull = (controller: ReadableStreamDefaultController): void => {
        sources.push(currentSession()?.key)
        controller.close()
      }
      return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { headers })
    })
    await response.text()
    expect(sources).toEqual([keyOf('alice', '42')])
  })

  it.each([undefined, 'bytes'] as const)('fails as its body fails: a stream of type %s', async (type) => {
    const failure = new Error('broken')
    const pull = (): void => {
      throw failure
    }
    const body = new ReadableStream({ type: type as undefined, pull })
    await expect((await within(() => new Response(body))).text()).rejects.toBe(failure)
  })

  it('can be read into a buffer of the reader, in the session, if its body can', async () => {
    const seen: unknown[] = []
    let left = 3
    const bytes = (): ReadableStream =>
      new ReadableStream({
        type: 'bytes',
        pull: (controller) => {
          seen.push(currentSession()?.key)
          if (left-- > 0) controller.enqueue(Uint8Array.from([7, 8]))
          else controller.close()
        },
      })
    for (const [body, text] of [
      ['hello', [104, 101, 108, 108, 111]],
      [bytes(), [7, 8, 7, 8, 7, 8]],
    ] as const) {
      const reader = (await within(() => new Response(body))).body?.getReader({ mode: 'byob' })
      const read: number[] = []
      for (;;) {
        const result = await reader?.read(new Uint8Array(1))
        if (result === undefined || result.done) break
        read.push(...result.value)
      }
      expect(read).toEqual(text)
    }
    expect(new Set(seen)).toEqual(new Set([keyOf('alice', '42')]))
    const plain = await within(() => new Response(new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(1)) })))
    expect(() => plain.body?.getReader({ mode: 'byob' })).toThrow(TypeError)
    const reader = plain.body?.getReader()
    expect(await reader?.read()).toEqual({ done: false, value: new Uint8Array(1) })
    await reader?.cancel()
  })
})

describe('nested helpers', () => {
  it('leave the inner session to the events of a request', async () => {
    const outer = sessions.express(() => new Session('outer-conversation'))
    const inner = sessions.express(() => new Session('inner-conversation'))
    const keys: (string | undefined)[] = []
    const http = createServer((request, response) => {
      outer(request, response, () => {
        inner(request, response, () => {
          request.on('end', () => keys.push(currentSession()?.key)).resume()
          response.once('finish', () => keys.push(currentSession()?.key))
          response.end()
        })
      })
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => http.once('listening', resolve))
    const address = http.address()
    await fetch(`http://127.0.0.1:${typeof address === 'object' && address?.port}`, { method: 'POST', body: 'a' })
    await new Promise((resolve) => http.close(resolve))
    expect(keys).toEqual(['inner-conversation', 'inner-conversation'])
  })

  it('change no emitter but those of the request', () => {
    const { emit } = EventEmitter.prototype
    const response = new EventEmitter()
    sessions.express(() => undefined)({}, response, () => {})
    expect(response.emit).toBe(emit)
    sessions.express(() => new Session('conversation-42'))({}, response, () => {})
    expect(Object.hasOwn(response, 'emit')).toBe(true)
    expect(EventEmitter.prototype.emit).toBe(emit)
  })
})
