// What was found by trying to break the promises with neighbours that nobody had in mind.

import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import http from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { affinityFetch, type Outcome, runWithoutSession, runWithSession } from 'llm-affinity'
import { instrument } from 'llm-affinity/instrument'
import { affinityInterceptor } from 'llm-affinity/undici'
import * as undici8 from 'undici'
import * as undici7 from 'undici7'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { recorder } from '../support/recorder.ts'
import { NAMES } from '../support/wire.ts'

type Undici = typeof undici8
type Interceptor = undici8.Dispatcher.DispatcherComposeInterceptor
type Handler = undici8.Dispatcher.DispatchHandler

const PATH = '/v1/models'
const home = await recorder()
const foreign = await recorder()

/** The values under any name of the default gateway that a server not named has received. */
function leaked(): string[] {
  return foreign.requests
    .flatMap((request) => NAMES.map((name) => request.header(name) ?? ''))
    .filter((key) => key !== '')
}

const send = async (dispatcher: undici8.Dispatcher, path = PATH): Promise<void> => {
  await (await dispatcher.request({ origin: home.origin, path, method: 'GET' })).body.dump()
}

/** Reads no answer. */
const deaf: Handler = {
  onRequestStart() {},
  onResponseStart() {},
  onResponseData() {},
  onResponseEnd() {},
  onResponseError() {},
}

/** Sends a request on to the server that is not named, with the headers as `change` leaves them. */
const away =
  (change: (headers: Record<string, string>) => object): Interceptor =>
  (dispatch) =>
  (options, handler) => {
    const headers = change({ ...(options.headers as Record<string, string>) }) as Record<string, string>
    return dispatch({ ...options, origin: foreign.origin, headers }, handler)
  }

describe.each([
  ['8', undici8],
  ['7', undici7 as unknown as Undici],
])('undici %s', (_version, u) => {
  const changes: [string, (headers: Record<string, string>) => object][] = [
    ['drops one of two headers', ({ [NAMES[0] ?? '']: _dropped, ...headers }) => headers],
    [
      'adds the same value again',
      (headers) => ({ ...headers, 'x-session-id': [headers['x-session-id'], 'conversation-1'] }),
    ],
    ['joins another value to it', (headers) => ({ ...headers, 'x-session-id': `${headers['x-session-id']}, other` })],
  ]
  it.each(changes)(
    'no header of ours reaches an origin that is not named by an interceptor that %s',
    async (_name, change) => {
      const agent = new u.Agent().compose(away(change), affinityInterceptor({ origins: home.origin }))
      await runWithSession('conversation-1', () => send(agent))
      expect(foreign.requests).toHaveLength(1)
      expect(leaked()).toEqual([])
    },
  )

  const moments = ['onResponseStart', 'onResponseData', 'onResponseEnd'] as const
  it.each(moments)(
    'no header of ours goes along where an interceptor sends elsewhere in %s of a good answer',
    async (moment) => {
      const failover: Interceptor = (dispatch) => (options, handler) => {
        let isSent = false
        const first: Handler = { ...deaf, onResponseError: (...args) => handler.onResponseError?.(...args) }
        first[moment] = () => {
          if (!isSent) dispatch({ ...options, origin: foreign.origin }, handler)
          isSent = true
        }
        return dispatch(options, options.path === PATH ? first : handler)
      }
      const agent = new u.Agent({ connections: 1 }).compose(failover, affinityInterceptor({ origins: home.origin }))
      // Another conversation opens the socket, and so its scope is that of what comes by it.
      await runWithSession('conversation-1', () => send(agent, '/v1/other'))
      await runWithSession('conversation-2', () => send(agent, PATH))
      expect(foreign.requests).toHaveLength(1)
      expect(leaked()).toEqual([])
    },
  )

  it('the answer of an origin that is not named is not evidence if one call is sent to two origins', async () => {
    const heard: string[] = []
    const gateway = { name: 'ours', headers: ['x-session-id'], evidence: { backend: 'x-backend' } }
    const onOutcome = ({ backend }: Outcome): number => heard.push(String(backend))
    // The one that is named is created last, and answers nobody.
    const hedge: Interceptor = (dispatch) => (options, handler) => {
      dispatch({ ...options, origin: foreign.origin }, handler)
      return dispatch(options, deaf)
    }
    const agent = new u.Agent().compose(hedge, affinityInterceptor({ origins: home.origin, gateway, onOutcome }))
    foreign.script({ status: 200, headers: { 'x-backend': 'stranger' }, body: '' })
    await runWithSession('conversation-1', () => send(agent))
    expect(foreign.requests).toHaveLength(1)
    expect(heard).not.toContain('stranger')
  })

  it('a Host header that names the gateway does not take the key to another port', async () => {
    const { host } = new URL(home.origin.replace('127.0.0.1', 'gateway.test'))
    const agent = new u.Agent().compose(affinityInterceptor({ origins: `http://${host}` }))
    const request = { origin: foreign.origin, path: PATH, method: 'GET' as const, headers: { host } }
    await runWithSession('conversation-1', async () => (await agent.request(request)).body.dump())
    expect(foreign.requests).toHaveLength(1)
    expect(leaked()).toEqual([])
  })

  it('a failover to another port that keeps the Host header does not take the key along', async () => {
    const { port } = new URL(home.origin)
    const origin = `http://gateway.test:${port}`
    const failover = away((headers) => ({ ...headers, host: `gateway.test:${port}` }))
    const agent = new u.Agent().compose(failover, affinityInterceptor({ origins: origin }))
    await runWithSession('conversation-1', async () => {
      await (await agent.request({ origin, path: PATH, method: 'GET' })).body.dump()
    })
    expect(foreign.requests).toHaveLength(1)
    expect(leaked()).toEqual([])
  })

  it('an answer from a cache that another session filled is not evidence of the backend of this session', async () => {
    const heard: unknown[] = []
    const gateway = { name: 'ours', headers: ['x-session-id'], evidence: { backend: 'x-backend' } }
    const onOutcome = ({ session, backend }: Outcome): number => heard.push([session.id, backend])
    const affinity = affinityInterceptor({ origins: home.origin, gateway, onOutcome })
    const agent = new u.Agent().compose(u.interceptors.cache(), affinity)
    home.script({ status: 200, headers: { 'cache-control': 'public, max-age=100', 'x-backend': 'one' }, body: 'x' })
    await runWithSession('conversation-1', () => send(agent))
    await runWithSession('conversation-2', () => send(agent))
    expect(home.requests).toHaveLength(1)
    expect(heard).toEqual([['conversation-1', 'one']])
  })

  it('a turn that waited for the socket of an earlier turn of its session is not judged by another call’s answer', async () => {
    const heard: string[] = []
    const gateway = { name: 'ours', headers: ['x-session-id'], evidence: { backend: 'x-backend' } }
    const onOutcome = ({ backend }: Outcome): number => heard.push(String(backend))
    const failover: Interceptor = (dispatch) => (options, handler) =>
      dispatch({ ...options, origin: foreign.origin }, handler)
    const affinity = affinityInterceptor({ origins: home.origin, gateway, onOutcome })
    const agent = new u.Agent({ connections: 2 }).compose(failover, affinity)
    const ids = Array.from({ length: 20 }, (_, i) => `conversation-${i}`)
    foreign.script(...[...ids, ...ids].map(() => ({ status: 200, headers: { 'x-backend': 'stranger' }, body: '' })))
    // The first turns open the sockets. Of the second most wait for one.
    for (let turn = 0; turn < 2; turn++) await Promise.all(ids.map((id) => runWithSession(id, () => send(agent))))
    expect(foreign.requests).toHaveLength(40)
    expect(heard).toEqual([])
  })

  const atStart = AsyncLocalStorage.snapshot()
  const scopes: [string, (fn: () => boolean) => boolean][] = [
    ['without a session', (fn) => runWithoutSession(fn)],
    ['for another session', (fn) => runWithSession('conversation-2', fn)],
    ['in a context of its own', (fn) => atStart(fn)],
  ]
  it.each(scopes)('a failover that an interceptor runs %s, at once, carries no key', async (_name, enter) => {
    const failover: Interceptor = (dispatch) => (options, handler) =>
      enter(() => dispatch({ ...options, origin: foreign.origin }, handler))
    const agent = new u.Agent().compose(failover, affinityInterceptor({ origins: home.origin }))
    await runWithSession('conversation-1', () => send(agent))
    expect(foreign.requests).toHaveLength(1)
    expect(leaked()).toEqual([])
  })

  it('a call that an interceptor rejects by throwing is forgotten: the caller’s own headers are left alone afterwards', async () => {
    const breaker: Interceptor = () => (_options, _handler) => {
      throw new Error('the circuit is open')
    }
    const agent = new u.Agent().compose(breaker, affinityInterceptor({ origins: home.origin }))
    await expect(runWithSession('conversation-1', () => send(agent))).rejects.toThrow('the circuit is open')
    const headers = Object.fromEntries(NAMES.map((name) => [name, 'conversation-1']))
    const request = { origin: foreign.origin, path: PATH, method: 'GET' as const, headers }
    await (await new u.Agent().request(request)).body.dump()
    expect(leaked()).toEqual(['conversation-1', 'conversation-1'])
  })

  // A known limit: a copy that is sent from outside of the call's scope, after the call's own request was created, cannot be
  // told from a header that its caller has set.
  it.fails('shadow traffic that a worker sends later to an origin that is not named carries no key', async () => {
    const copies: undici8.Dispatcher.DispatchOptions[] = []
    const shadow: Interceptor = (dispatch) => (options, handler) => {
      copies.push(options)
      return dispatch(options, handler)
    }
    const agent = new u.Agent().compose(shadow, affinityInterceptor({ origins: home.origin }))
    await runWithSession('conversation-1', () => send(agent))
    const elsewhere = new u.Agent()
    for (const { path, method, headers } of copies) {
      const request = { origin: foreign.origin, path, method, headers: headers ?? null }
      await (await elsewhere.request(request)).body.dump()
    }
    expect(foreign.requests).toHaveLength(1)
    expect(leaked()).toEqual([])
  })
})

describe('instrument, node:http', () => {
  const heads: string[] = []
  // Not one of node:http, which refuses what has no Host header.
  const server = createServer((socket) => {
    socket.once('data', (data) => {
      heads.push(String(data))
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
    })
  })
  let port = 0
  beforeAll(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening')
    port = (server.address() as AddressInfo).port
  })
  afterAll(() => server.close())

  const odd: [string, () => http.RequestOptions][] = [
    ['an agent of another default port', () => ({ agent: Object.assign(new http.Agent(), { defaultPort: port }) })],
    ['a Host header of the caller’s own', () => ({ port, headers: { host: 'gateway.test' } })],
    ['no Host header', () => ({ port, setHost: false })],
  ]
  it.each(odd)('a request with %s takes no key to a port that is not named', async (_name, options) => {
    heads.length = 0
    const undo = instrument({ origins: 'http://gateway.test' })
    const lookup: http.RequestOptions['lookup'] = (_host, { all }, back) => {
      if (all === true) back(null, [{ address: '127.0.0.1', family: 4 }])
      else back(null, '127.0.0.1', 4)
    }
    await runWithSession('conversation-1', async () => {
      const request = http.get({ host: 'gateway.test', path: PATH, lookup, ...options() })
      const [answer] = (await once(request, 'response')) as [http.IncomingMessage]
      await once(answer.resume(), 'end')
    })
    undo()
    expect(heads).toHaveLength(1)
    expect(heads.join()).not.toContain('conversation-1')
  })
})

describe('affinityFetch, the global fetch', () => {
  it('a global dispatcher that fails over without a session, at once, carries no key', async () => {
    const before = undici8.getGlobalDispatcher()
    const failover: Interceptor = (dispatch) => (options, handler) =>
      runWithoutSession(() => dispatch({ ...options, origin: foreign.origin }, handler))
    undici8.setGlobalDispatcher(new undici8.Agent().compose(failover))
    try {
      const stamped = affinityFetch({ origins: home.origin })
      await runWithSession('conversation-1', async () => (await stamped(`${home.origin}${PATH}`)).text())
    } finally {
      undici8.setGlobalDispatcher(before)
    }
    expect(foreign.requests).toHaveLength(1)
    expect(leaked()).toEqual([])
  })

  it('an answer from the cache of the global dispatcher is not evidence', async () => {
    const before = undici8.getGlobalDispatcher()
    const heard: unknown[] = []
    const gateway = { name: 'ours', headers: ['x-session-id'], evidence: { backend: 'x-backend' } }
    const onOutcome = ({ session, backend }: Outcome): number => heard.push([session.id, backend])
    const stamped = affinityFetch({ origins: home.origin, gateway, onOutcome })
    home.script({ status: 200, headers: { 'cache-control': 'public, max-age=100', 'x-backend': 'one' }, body: 'x' })
    undici8.setGlobalDispatcher(new undici8.Agent().compose(undici8.interceptors.cache()))
    try {
      for (const id of ['conversation-1', 'conversation-2']) {
        await runWithSession(id, async () => (await stamped(`${home.origin}${PATH}`)).text())
      }
    } finally {
      undici8.setGlobalDispatcher(before)
    }
    expect(home.requests).toHaveLength(1)
    expect(heard).toEqual([['conversation-1', 'one']])
  })
})
