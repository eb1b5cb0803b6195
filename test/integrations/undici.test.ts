import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { affinityFetch, runWithoutSession, runWithSession, Session } from 'llm-affinity'
import { affinityInterceptor } from 'llm-affinity/undici'
import * as undici8 from 'undici'
import * as undici7 from 'undici7'
import { describe, expect, it } from 'vitest'
import { recorder } from '../support/recorder.ts'
import { keysAt } from '../support/wire.ts'

type Undici = typeof undici8
type Interceptor = undici8.Dispatcher.DispatcherComposeInterceptor

const KEY = 'conversation-42'

const home = await recorder()
const foreign = await recorder()

/** An interceptor of a user's own, which wraps the handler of each dispatch. */
const logging: Interceptor = (dispatch) => (options, handler) =>
  dispatch(options, {
    onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
    onResponseStart: (controller, status, headers, text) =>
      handler.onResponseStart?.(controller, status, headers, text),
    onResponseData: (controller, chunk) => handler.onResponseData?.(controller, chunk),
    onResponseEnd: (controller, trailers) => handler.onResponseEnd?.(controller, trailers),
    onResponseError: (controller, error) => handler.onResponseError?.(controller, error),
  })

/** One that copies the headers to add to them. */
const tagging: Interceptor = (dispatch) => (options, handler) =>
  dispatch({ ...options, headers: { ...(options.headers as object), 'x-tag': '1' } }, handler)

describe.each([
  ['8', undici8],
  ['7', undici7 as unknown as Undici],
])('undici %s', (_version, u) => {
  const redirect = (): Interceptor => u.interceptors.redirect({ maxRedirections: 5 })
  const retry = (): Interceptor => u.interceptors.retry({ methods: ['POST'], minTimeout: 1, statusCodes: [500] })
  const post = async (dispatcher: undici8.Dispatcher, path = '/v1/chat/completions'): Promise<void> => {
    const request = { origin: home.origin, path, method: 'POST' as const, body: '{"model":"m"}' }
    await runWithSession(KEY, async () => (await dispatcher.request(request)).body.dump())
  }

  const between: [string, () => Interceptor][] = [
    ['retry', retry],
    ['dump', () => u.interceptors.dump()],
    ['decompress', () => u.interceptors.decompress()],
    ['responseError', () => u.interceptors.responseError()],
    ['dns', () => u.interceptors.dns()],
    ['a wrapper of a user’s own', () => logging],
    ['another one of ours', () => affinityInterceptor({ origins: home.origin, gateway: 'olla' })],
  ]

  it.each(between)('takes no key along where %s stands between it and redirect above', async (_name, make) => {
    const agent = new u.Agent().compose(affinityInterceptor({ origins: home.origin }), make(), redirect())
    home.script(
      { status: 307, headers: { location: '/v1/again' } },
      { status: 307, headers: { location: `${foreign.origin}/v1/away` } },
    )
    foreign.script({ status: 307, headers: { location: '/v1/on' } })
    await post(agent).catch(() => {})
    await agent.close()
    expect(keysAt(home)).toEqual([KEY, KEY])
    expect(keysAt(foreign)).toEqual([undefined, undefined])
    expect(foreign.requests.map((request) => request.header('x-olla-session-id'))).toEqual([undefined, undefined])
  })

  it('carries the key on each retry above redirect', async () => {
    for (const agent of [
      new u.Agent().compose(redirect(), retry(), affinityInterceptor({ origins: home.origin })),
      new u.Agent().compose(redirect(), affinityInterceptor({ origins: home.origin }), retry()),
    ]) {
      home.clear()
      home.script({ status: 500 }, { status: 500 })
      await post(agent)
      await agent.close()
      expect(keysAt(home)).toEqual([KEY, KEY, KEY])
    }
  })

  it('does not take a key along on a second attempt', async () => {
    const agent = new u.Agent().compose(redirect(), retry(), affinityInterceptor({ origins: home.origin }))
    home.script({ status: 500 }, { status: 307, headers: { location: `${foreign.origin}/v1/away` } })
    await post(agent)
    await agent.close()
    expect(keysAt(home)).toEqual([KEY, KEY])
    expect(keysAt(foreign)).toEqual([undefined])
  })

  it('carries the key on a retry that begins at home again after a foreign hop failed', async () => {
    const agent = new u.Agent().compose(redirect(), retry(), affinityInterceptor({ origins: home.origin }))
    home.script({ status: 307, headers: { location: `${foreign.origin}/v1/away` } })
    foreign.script({ status: 500 })
    await post(agent)
    await agent.close()
    expect(keysAt(home)).toEqual([KEY, KEY])
    expect(keysAt(foreign)).toEqual([undefined])
  })

  it('does not take a key along if an interceptor copies headers above redirect', async () => {
    const agent = new u.Agent().compose(redirect(), tagging, affinityInterceptor({ origins: home.origin }))
    for (let i = 0; i < 4; i++) {
      home.script({ status: 307, headers: { location: `${foreign.origin}/v1/away` } })
      await post(agent)
    }
    await agent.close()
    expect(keysAt(home)).toEqual([KEY, KEY, KEY, KEY])
    expect(keysAt(foreign)).toEqual([undefined, undefined, undefined, undefined])
    expect(foreign.requests.every((request) => request.header('x-tag') === '1')).toBe(true)
  })

  it('calls listeners in the scope of their request, not in that of the request that opened the socket', async () => {
    // Two chunks, some time apart: the second comes from the socket alone.
    const server = createServer((_request, response) => {
      response.write('one')
      setTimeout(() => response.end('two'), 20)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const agent = new u.Agent({ connections: 1 }).compose(affinityInterceptor({ origins: origin }))
    const send = affinityFetch()
    const listen = async (name: string): Promise<void> => {
      const { body } = await agent.request({ origin, path: '/', method: 'GET' })
      const calls: Promise<Response>[] = []
      body.on('data', () => calls.push(send(`${home.origin}/${name}`)))
      await once(body, 'end')
      await Promise.all(calls)
    }
    await runWithSession('session-aaa', () => listen('session-aaa'))
    await runWithSession('session-bbb', () => listen('session-bbb'))
    await listen('nobody')
    await agent.close()
    server.close()
    expect(home.requests.length).toBeGreaterThanOrEqual(6)
    expect(keysAt(home)).toEqual(home.requests.map(({ path }) => (path === '/nobody' ? undefined : path.slice(1))))
  })

  describe('does not take the key along under its own fetch', () => {
    const under = async (agent: undici8.Dispatcher, call: typeof runWithSession = runWithSession): Promise<void> => {
      await call(KEY, () => u.fetch(`${home.origin}/v1/start`, { method: 'POST', body: '{}', dispatcher: agent }))
        .then((response) => response.text())
        .finally(() => agent.close())
    }

    it.each([
      ['another path', () => '/v1/away?a=b#c'],
      ['a path of UTF-8 bytes', () => Buffer.from('/v1/é/日本').toString('latin1')],
      ['a path with an empty query', () => '/v1/away?'],
      ['a path to be normalised', () => '/v1/./x/../away'],
    ])('by a redirect to %s', async (_what, path) => {
      home.script({ status: 307, headers: { location: foreign.origin + path() } })
      await under(new u.Agent().compose(affinityInterceptor({ origins: home.origin })))
      expect(keysAt(home)).toEqual([KEY])
      expect(keysAt(foreign)).toEqual([undefined])
    })

    it('with headers as a list, below another interceptor', async () => {
      const listing: Interceptor = (dispatch) => (options, handler) =>
        dispatch({ ...options, headers: Object.entries(options.headers ?? {}).flat() as string[] }, handler)
      home.script({ status: 307, headers: { location: `${foreign.origin}/v1/away` } })
      await under(new u.Agent().compose(affinityInterceptor({ origins: home.origin }), listing))
      expect(keysAt(home)).toEqual([KEY])
      expect(keysAt(foreign)).toEqual([undefined])
    })

    it('with addresses in place of names, below a dns interceptor', async () => {
      const origin = foreign.origin.replace('127.0.0.1', 'localhost')
      home.script({ status: 307, headers: { location: `${origin}/v1/away` } })
      await under(
        new u.Agent().compose(affinityInterceptor({ origins: home.origin }), u.interceptors.dns({ affinity: 4 })),
      )
      expect(keysAt(foreign)).toEqual([undefined])
    })

    it('of the lane of a side call with a bound session', async () => {
      const gateway = { name: 'strict', headers: ['x-session-id', 'x-litellm-session-id'], requiresKey: true }
      const session = new Session(KEY)
      home.script({ status: 307, headers: { location: `${foreign.origin}/v1/away` } })
      const agent = new u.Agent().compose(affinityInterceptor({ origins: home.origin, gateway, session }))
      await under(agent, ((_id: string, fn: () => unknown) => runWithoutSession(fn)) as typeof runWithSession)
      expect(keysAt(home)).toEqual([session.lane('side-call').key])
      expect(keysAt(foreign)).toEqual([undefined])
    })
  })

  it.each([
    ['a slash at the end', (origin: string) => `${origin}/`],
    ['upper case', (origin: string) => origin.toUpperCase()],
    ['a URL', (origin: string) => new URL(origin)],
  ])('knows an origin with %s', async (_what, form) => {
    for (const origins of [home.origin, `${home.origin}/v1`]) {
      home.clear()
      home.script({ status: 307, headers: { location: '/v1/again' } })
      const agent = new u.Agent().compose(affinityInterceptor({ origins }), redirect())
      const request = { origin: form(home.origin), path: '/v1/start', method: 'GET' as const }
      await runWithSession(KEY, async () => (await agent.request(request)).body.dump())
      await agent.close()
      expect(keysAt(home)).toEqual([KEY, KEY])
    }
  })

  it('lets undici see which methods a handler lacks', async () => {
    const agent = new u.Agent().compose(affinityInterceptor({ origins: home.origin }))
    const incomplete = {
      onRequestStart: () => {},
      onResponseEnd: () => {},
      onResponseError: () => {},
    } as unknown as undici8.Dispatcher.DispatchHandler
    const bare = new u.Agent()
    const outcome = (dispatcher: undici8.Dispatcher): Promise<unknown> =>
      new Promise((resolve) => {
        const handler = {
          ...incomplete,
          onResponseError: (_controller: unknown, error: Error) => resolve(error.message),
          onResponseEnd: () => resolve('ended'),
        }
        try {
          dispatcher.dispatch({ origin: home.origin, path: '/', method: 'GET' }, handler)
        } catch (error) {
          resolve(error instanceof Error && error.message)
        }
      })
    expect(await runWithSession(KEY, () => outcome(agent))).toEqual(await outcome(bare))
    await Promise.all([agent.close(), bare.close()])
  })

  it('stamps a request on a Pool, which undici 7 gives no origin, where one origin is named', async () => {
    for (const to of [home, foreign]) {
      const pool = new u.Pool(to.origin).compose(affinityInterceptor({ origins: home.origin }))
      await runWithSession(KEY, async () => (await pool.request({ path: '/', method: 'GET' })).body.dump())
      await pool.close()
    }
    expect(keysAt(home)).toEqual([KEY])
    expect(keysAt(foreign)).toEqual([undefined])
  })
})
