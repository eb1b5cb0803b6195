// Interceptors that send a request elsewhere take its headers along: what was given back must not be among them.

import { lookup as systemLookup } from 'node:dns'
import { createServer } from 'node:http'
import type { LookupFunction } from 'node:net'
import { runWithSession, Session } from 'llm-affinity'
import { LearnedState } from 'llm-affinity/learned'
import { affinityInterceptor } from 'llm-affinity/undici'
import * as undici8 from 'undici'
import * as undici7 from 'undici7'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { listen } from '../../packages/testkit/src/servers/listen.ts'

type Undici = typeof undici8

interface Seen {
  readonly host: string
  readonly token: unknown
  readonly cookie: unknown
  readonly key: unknown
}

let seen: Seen[] = []
let redirects: string[] = []
beforeEach(() => {
  seen = []
  redirects = []
})

// By the host that a request names, so that one server is several.
const server = createServer((request, response) => {
  const { host = '', cookie, 'x-session-token': token, 'x-session-id': key } = request.headers
  const name = host.split(':')[0] ?? ''
  seen.push({ host: name, token, cookie, key })
  request.resume().once('end', () => {
    response.setHeader('x-session-token', `token-of-${name}`)
    response.setHeader('set-cookie', `lb=cookie-of-${name}; Path=/`)
    const location = redirects.shift()
    if (location !== undefined) response.writeHead(307, { location })
    response.end('{}')
  })
})
const { origin, close } = await listen(server, 0)
afterAll(close)
const { port } = new URL(origin)
const at = (host: string): string => `http://${host}:${port}`

const lookup: LookupFunction = (host, options, callback) => {
  if (!host.endsWith('.test')) return systemLookup(host, options, callback)
  return options.all ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4)
}

type Compose = (u: Undici, ours: undici8.Dispatcher.DispatcherComposeInterceptor) => undici8.Dispatcher

const agent = (u: Undici): undici8.Agent => new u.Agent({ connect: { lookup } })
const redirect = (u: Undici): undici8.Dispatcher.DispatcherComposeInterceptor =>
  u.interceptors.redirect({ maxRedirections: 5 })
// As a user would write one, for another region.
const elsewhere =
  (host: string): undici8.Dispatcher.DispatcherComposeInterceptor =>
  (dispatch) =>
  (options, handler) =>
    dispatch({ ...options, origin: at(host) }, handler)

const POSITIONS: Record<string, Compose> = {
  'below redirect': (u, ours) => agent(u).compose(ours, redirect(u)),
  'above redirect': (u, ours) => agent(u).compose(redirect(u), ours),
}

describe.each([
  ['undici 8', undici8],
  ['undici 7', undici7 as unknown as Undici],
])('%s', (_, u) => {
  it.each(Object.entries(POSITIONS))(
    'gives each origin its own, and a foreign one nothing, %s',
    async (_name, compose) => {
      const use = new LearnedState({ headers: ['x-session-token'], cookies: ['lb'] })
      const origins = [at('gateway.test'), at('second.test')]
      const dispatcher = compose(u, affinityInterceptor({ origins, use }))
      const call = async (to: string, ...hops: string[]): Promise<void> => {
        redirects = hops.map((host, hop) => `${at(host)}/v1/hop-${hop}`)
        const answer = await u.request(`${at(to)}/v1/x`, {
          dispatcher: dispatcher as never,
          method: 'POST',
          body: '{}',
        })
        await answer.body.text()
      }
      await runWithSession('conversation-42', async () => {
        await call('gateway.test')
        await call('second.test')
        await call('gateway.test', 'second.test', 'foreign.test', 'gateway.test')
        await call('second.test', 'foreign.test')
        await call('gateway.test')
      })
      await dispatcher.close()
      expect(seen.length).toBe(9)
      for (const { host, token, cookie, key } of seen) {
        if (host === 'foreign.test') expect([token, cookie, key]).toEqual([undefined, undefined, undefined])
        else expect([undefined, `token-of-${host}`]).toContain(token)
      }
      expect(seen.at(-1)).toMatchObject({ token: 'token-of-gateway.test', cookie: 'lb=cookie-of-gateway.test' })
      expect(JSON.stringify(use.get(new Session('conversation-42')))).not.toContain('foreign')
    },
  )

  it('gives nothing elsewhere, also where the other interceptor drops the headers of the key', async () => {
    const use = new LearnedState({ headers: ['x-session-token'], cookies: ['lb'] })
    let isElsewhere = false
    const sometimes: ReturnType<typeof elsewhere> = (dispatch) => (options, handler) => {
      if (!isElsewhere) return dispatch(options, handler)
      const headers: Record<string, unknown> = { ...(options.headers as object) }
      for (const name of ['x-session-id', 'x-litellm-session-id']) delete headers[name]
      return elsewhere('foreign.test')(dispatch)({ ...options, headers: headers as never }, handler)
    }
    const ours = affinityInterceptor({ origins: at('gateway.test'), use })
    const dispatcher = agent(u).compose(sometimes, ours)
    await runWithSession('conversation-42', async () => {
      for (const is of [false, true]) {
        isElsewhere = is
        const to = `${at('gateway.test')}/v1/x`
        await (await u.request(to, { dispatcher: dispatcher as never, method: 'POST', body: '{}' })).body.text()
      }
    })
    await dispatcher.close()
    expect(seen.at(-1)).toEqual({ host: 'foreign.test', token: undefined, cookie: undefined, key: undefined })
  })

  it.each(['foreign.test', 'second.test'])(
    'gives nothing to %s where another interceptor sends the request there, and learns nothing from it',
    async (host) => {
      const use = new LearnedState({ headers: ['x-session-token'], cookies: ['lb'] })
      let isElsewhere = false
      const sometimes: ReturnType<typeof elsewhere> = (dispatch) => (options, handler) =>
        (isElsewhere ? elsewhere(host)(dispatch) : dispatch)(options, handler)
      const ours = affinityInterceptor({ origins: [at('gateway.test'), at('second.test')], use })
      const dispatcher = agent(u).compose(sometimes, ours)
      await runWithSession('conversation-42', async () => {
        for (const is of [true, false, true, false]) {
          isElsewhere = is
          const to = `${at('gateway.test')}/v1/x`
          await (await u.request(to, { dispatcher: dispatcher as never, method: 'POST', body: '{}' })).body.text()
        }
      })
      await dispatcher.close()
      // A key may go to any origin that is named.
      const key = host === 'second.test' ? 'conversation-42' : undefined
      expect(seen.map(({ token, cookie, key: sent }) => [token, cookie, sent])).toEqual([
        [undefined, undefined, key],
        [undefined, undefined, 'conversation-42'],
        [undefined, undefined, key],
        ['token-of-gateway.test', 'lb=cookie-of-gateway.test', 'conversation-42'],
      ])
    },
  )
})
