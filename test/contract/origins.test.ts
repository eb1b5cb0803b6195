import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { runWithSession } from 'llm-affinity'
import { affinityInterceptor } from 'llm-affinity/undici'
import * as undici8 from 'undici'
import * as undici7 from 'undici7'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NAMES } from '../support/wire.ts'
import { certificate } from './stacks/certificate.ts'

type Undici = typeof undici8

const KEY = 'conversation-42'

// Each origin, in several spellings. Spellings on one line are the same origin; those on two lines are not.
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  'a name': ['http://gateway.test', 'http://gateway.test:80', 'HTTP://Gateway.TEST', 'http://gateway.test:080/'],
  'a name with a port': ['http://gateway.test:4000', 'http://GATEWAY.test:4000', 'http://gateway.test:04000/'],
  'a name with a trailing dot': ['http://gateway.test.', 'http://gateway.test.:80', 'http://GATEWAY.TEST.'],
  'a name over TLS': ['https://gateway.test', 'https://gateway.test:443', 'HTTPS://GATEWAY.test'],
  'a name over TLS, at the port of http': ['https://gateway.test:80'],
  'a longer name': ['http://gateway.test.evil.test', 'http://GATEWAY.test.evil.test:80'],
  'a prefixed name': ['http://evil-gateway.test', 'http://evil-gateway.test:80'],
  'an international name': ['http://gätewäy.test', 'http://xn--gtewy-grad.test', 'http://GÄTEWÄY.test:80'],
  'an address': ['http://127.0.0.1:4000', 'http://127.1:4000', 'http://0x7f.0.0.1:4000', 'http://2130706433:4000'],
  'an IPv6 address': ['http://[::1]:4000', 'http://[0:0:0:0:0:0:0:1]:4000', 'http://[::0001]:4000'],
}

// Other values of `origins` that name the same origin.
const DECORATED: readonly ((origin: string) => string | URL)[] = [
  (origin) => origin,
  (origin) => new URL(origin),
  (origin) => ` ${origin} `,
  (origin) => `${origin.replace(/\/$/, '')}/?a=b#c`,
  (origin) => origin.replace('://', '://user:password@'),
]

const received: { readonly target: string; readonly keys: readonly string[] }[] = []
const ports = { 'http:': 0, 'https:': 0 }

function answer({ rawHeaders, url = '' }: IncomingMessage, response: ServerResponse): void {
  const keys = rawHeaders.filter((_, i) => NAMES.includes(rawHeaders[i - 1]?.toLowerCase() ?? '') && i % 2 === 1)
  received.push({ target: url, keys })
  response.end('{}')
}

const closing: (() => void)[] = []
beforeAll(async () => {
  const { cert, key } = await certificate(['gateway.test'])
  for (const [scheme, server] of [
    ['http:', createServer(answer)],
    ['https:', createSecureServer({ cert, key }, answer)],
  ] as const) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    ports[scheme] = (server.address() as AddressInfo).port
    closing.push(() => {
      server.close()
      server.closeAllConnections()
    })
  }
})
afterAll(() => {
  for (const close of closing) close()
})

/** Options of a dispatcher that connects to the servers above, whatever host and port it is asked for. */
function options(u: Undici): undici8.Agent.Options {
  const connect = u.buildConnector({ rejectUnauthorized: false, allowH2: false })
  return {
    connect: (to, callback) => {
      const port = String(ports[to.protocol as keyof typeof ports])
      connect({ ...to, hostname: '127.0.0.1', host: '127.0.0.1', port }, callback)
    },
  }
}

async function keysOf(
  dispatcher: undici8.Dispatcher,
  request: { origin?: string | URL; path: string },
): Promise<string[]> {
  received.length = 0
  const response = await runWithSession(KEY, () => dispatcher.request({ method: 'GET', ...request }))
  await response.body.dump()
  expect(received.map(({ target }) => target)).toEqual([request.path])
  return received.flatMap(({ keys }) => keys)
}

const BOTH = NAMES.map(() => KEY)

describe.each([
  ['8', undici8],
  ['7', undici7 as unknown as Undici],
])('undici %s', (_version, u) => {
  const agent = new u.Agent(options(u))
  afterAll(() => agent.destroy())

  it.each(Object.entries(SPELLINGS))(
    'on an Agent, %s in `origins` matches the same origin in every spelling, and no other origin',
    async (name, spellings) => {
      const wrong: string[] = []
      for (const [i, named] of spellings.entries()) {
        const decorate = DECORATED.map((each) => each(named))
        for (const origins of [...decorate, ['http://unrelated.test', named], [new URL(named)]]) {
          const composed = agent.compose(affinityInterceptor({ origins }))
          for (const [other, asked] of Object.entries(SPELLINGS)) {
            // All spellings of this origin, and one of each other.
            for (const origin of other === name ? asked : [asked[i % asked.length] ?? '']) {
              for (const written of other === name ? [origin, new URL(origin)] : [origin]) {
                const keys = await keysOf(composed, { origin: written, path: '/v1/models' })
                const expected = other === name ? BOTH : []
                if (keys.join() !== expected.join()) wrong.push(`origins ${origins}, asked ${written}: ${keys}`)
              }
            }
          }
        }
      }
      expect(wrong).toEqual([])
    },
  )

  it('a path in `origins` covers whole segments, in any spelling of the origin', async () => {
    const composed = agent.compose(affinityInterceptor({ origins: 'HTTP://GATEWAY.test:80/v1/' }))
    const keys: Record<string, string[]> = {}
    for (const path of ['/v1', '/v1/', '/v1/models', '/v1?a=b', '/v1beta', '/v2', '/', '/V1', '/v1/../v2']) {
      keys[path] = await keysOf(composed, { origin: 'http://gateway.test', path })
    }
    const covered = ['/v1', '/v1/', '/v1/models', '/v1?a=b']
    expect(Object.keys(keys).filter((path) => keys[path]?.join() === BOTH.join())).toEqual(covered)
    expect(Object.keys(keys).filter((path) => keys[path]?.length === 0)).toHaveLength(5)
  })

  // undici 7 does not give an interceptor the origin of its Client or Pool: the only named origin is assumed.
  it.each(['Client', 'Pool'] as const)('a %s of a named origin stamps requests without an origin', async (kind) => {
    for (const origin of SPELLINGS['a name'] ?? []) {
      for (const url of [origin, new URL(origin)]) {
        const client = new u[kind](url, options(u) as undici8.Client.Options)
        const composed = client.compose(affinityInterceptor({ origins: 'http://gateway.test' }))
        expect(await keysOf(composed, { path: '/v1/models' })).toEqual(BOTH)
        expect(await keysOf(composed, { path: '/v1/models', origin })).toEqual(BOTH)
        await client.destroy()
      }
    }
  })

  it.each(['Client', 'Pool'] as const)(
    'a %s of a foreign origin never sends a key, whatever origin a request claims',
    async (kind) => {
      const client = new u[kind]('http://evil.test', options(u) as undici8.Client.Options)
      const composed = client.compose(affinityInterceptor({ origins: 'http://gateway.test' }))
      expect(await keysOf(composed, { path: '/v1/models' })).toEqual([])
      expect(await keysOf(composed, { path: '/v1/models', origin: 'http://gateway.test' })).toEqual([])
      await client.destroy()
    },
  )
})
