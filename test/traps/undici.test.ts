import { patchGlobalFetch, runWithSession } from 'llm-affinity'
import { affinityInterceptor } from 'llm-affinity/undici'
import * as undici8 from 'undici'
import * as undici7 from 'undici7'
import { describe, expect, it } from 'vitest'
import { recorder } from '../support/recorder.ts'
import { keysAt } from '../support/wire.ts'

type Undici = typeof undici8

const server = await recorder()

const IDS = Array.from({ length: 5 }, (_, i) => `conversation-${i}`)

// The numbers are those of the list of measured traps that this library was designed against.
describe.each([
  ['8', undici8],
  ['7', undici7 as unknown as Undici],
])('undici %s', (version, u) => {
  it('trap 4: queued behind one socket, an interceptor on Agent, Pool or Client still uses each caller’s session', async () => {
    for (const dispatcher of [
      new u.Agent({ connections: 1, pipelining: 1 }),
      new u.Pool(server.origin, { connections: 1, pipelining: 1 }),
      new u.Client(server.origin, { pipelining: 1 }),
    ]) {
      server.clear()
      const composed = dispatcher.compose(affinityInterceptor({ origins: server.origin }))
      await Promise.all(
        IDS.map((id) =>
          runWithSession(id, async () =>
            (await composed.request({ origin: server.origin, path: '/v1/models', method: 'GET' })).body.text(),
          ),
        ),
      )
      await composed.close()
      expect(keysAt(server).toSorted()).toEqual(IDS)
      expect(new Set(server.requests.map(({ connection }) => connection)).size).toBe(1)
    }
  })

  it('trap 4: on a Client below a Pool, undici 8 stamps each caller’s key and undici 7 the first caller’s alone: compose on the Pool', async () => {
    const pool = new u.Pool(server.origin, {
      connections: 1,
      factory: (origin, options) =>
        new u.Client(origin, options as undici8.Client.Options).compose(
          affinityInterceptor({ origins: server.origin }),
        ),
    })
    await Promise.all(
      IDS.map((id) =>
        runWithSession(id, async () => (await pool.request({ path: '/v1/models', method: 'GET' })).body.text()),
      ),
    )
    await pool.close()
    expect(keysAt(server).toSorted()).toEqual(version === '8' ? IDS : IDS.map((id, i) => (i === 0 ? id : undefined)))
  })

  it('a handler of several requests gives each the session in which it is dispatched', async () => {
    const agent = new u.Agent().compose(affinityInterceptor({ origins: server.origin }))
    let left = IDS.length
    await new Promise<void>((resolve, reject) => {
      const handler: undici8.Dispatcher.DispatchHandler = {
        onRequestStart: () => {},
        onResponseStart: () => {},
        onResponseData: () => {},
        onResponseEnd: () => {
          left--
          if (left === 0) resolve()
        },
        onResponseError: (_controller, error) => reject(error),
      }
      for (const id of IDS) {
        runWithSession(id, () => agent.dispatch({ origin: server.origin, path: `/${id}`, method: 'GET' }, handler))
      }
    })
    await agent.close()
    expect(keysAt(server)).toEqual(server.requests.map(({ path }) => path.slice(1)))
  })

  it('headers of every shape are kept, and the options of the caller are not written to', async () => {
    const agent = new u.Agent().compose(affinityInterceptor({ origins: server.origin }))
    const shapes: undici8.Dispatcher.RequestOptions['headers'][] = [
      undefined,
      null,
      { 'X-Own': 'a' },
      ['X-Own', 'a'],
      new Headers({ 'x-own': 'a' }) as never,
      new Map([['x-own', 'a']]),
    ]
    for (const headers of shapes) {
      const options: undici8.Dispatcher.RequestOptions = Object.freeze({
        origin: server.origin,
        path: '/v1/models',
        method: 'GET' as const,
        ...(headers !== undefined && { headers }),
      })
      await runWithSession('conversation-42', async () => (await agent.request(options)).body.text())
      await (await agent.request(options)).body.text()
    }
    await agent.close()
    expect(keysAt(server)).toEqual(shapes.flatMap(() => ['conversation-42', undefined]))
    expect(server.requests.map((request) => request.header('x-own'))).toEqual(
      shapes.flatMap((shape) => (shape ? ['a', 'a'] : [undefined, undefined])),
    )
  })

  it('stamps once as the global dispatcher under a patched fetch', async () => {
    const before = u.getGlobalDispatcher()
    const agent = new u.Agent().compose(affinityInterceptor({ origins: server.origin, gateway: 'olla' }))
    u.setGlobalDispatcher(agent)
    const undo = patchGlobalFetch({ origins: server.origin, gateway: 'olla' })
    await runWithSession('conversation-42', () => fetch(`${server.origin}/v1/models`))
    undo()
    u.setGlobalDispatcher(before)
    await agent.close()
    expect(server.requests[0]?.header('x-olla-session-id')).toBe('conversation-42')
  })
})
