import { createServer, type Server } from 'node:http'
import { runWithSession, Session } from 'llm-affinity'
import { LearnedState } from 'llm-affinity/learned'
import { afterAll, describe, expect, it } from 'vitest'
import { listen } from '../../packages/testkit/src/servers/listen.ts'
import { WAYS } from './integrations.ts'

interface Seen {
  readonly server: string
  readonly token: string | undefined
  readonly cookie: string | undefined
  readonly key: string | undefined
}

interface Place {
  readonly name: string
  readonly origin: string
}

// What the servers received since the last reset, and where the next request is redirected to.
let seen: Seen[] = []
let redirects: string[] = []
const closes: (() => Promise<void>)[] = []
afterAll(() => Promise.all(closes.map((close) => close())))

/** A server that hands out a token and a cookie with its own name in them. */
async function place(name: string): Promise<Place> {
  const server: Server = createServer((request, response) => {
    const only = (value: string | string[] | undefined): string | undefined =>
      value === undefined ? undefined : String(value)
    const { cookie, 'x-session-token': token, 'x-session-id': key } = request.headers
    seen.push({ server: name, token: only(token), cookie, key: only(key) })
    request.resume().once('end', () => {
      response.setHeader('x-session-token', `token-of-${name}`)
      response.setHeader('set-cookie', [`lb=cookie-of-${name}`, 'other=1; Path=/'])
      response.setHeader('content-type', 'application/json')
      const location = redirects.shift()
      if (location !== undefined) response.writeHead(307, { location })
      response.end('{"choices":[]}')
    })
  })
  const { origin, close } = await listen(server, 0)
  closes.push(close)
  return { name, origin: origin.replace('127.0.0.1', name === 'foreign' ? 'localhost' : '127.0.0.1') }
}

const one = await place('one')
const two = await place('two')
const foreign = await place('foreign')
const places = [one, two, foreign]

// Deterministic, so that a failure can be repeated.
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state % below
  }
}

const ROUNDS = 1700

describe.each(WAYS)('$name', ({ name, connect }) => {
  it('gives back what an origin handed out to that origin only, in generated calls with redirects', async () => {
    const random = numbers(name.length)
    const learned = new LearnedState({ headers: ['x-session-token'], cookies: ['lb'], firstTurnMs: 0 })
    const origins = [one.origin, two.origin]
    const wrong: unknown[] = []
    const followed = { calls: 0, redirected: 0, given: 0 }
    const client = [one, two].map(({ origin }) => connect(origin, { origins, use: learned }))
    const sessions = Array.from({ length: 5 }, () => new Session())
    try {
      for (let round = 0; round < ROUNDS; round++) {
        seen = []
        const hops = Array.from({ length: random(3) }, () => places[random(3)] as Place)
        redirects = hops.map(({ origin }) => `${origin}/v1/chat/completions`)
        const session = sessions[random(5)] as Session
        if (random(50) === 0) session.repin()
        await runWithSession(session, async () => client[random(2)]?.call()).catch(() => {})
        followed.calls++
        if (seen.length > 1) followed.redirected++
        for (const { server, token, cookie, key } of seen) {
          if (token !== undefined || cookie !== undefined) followed.given++
          const isTokenRight = token === undefined || token === `token-of-${server}`
          const isCookieRight = cookie === undefined || cookie === `lb=cookie-of-${server}`
          if (!isTokenRight || !isCookieRight || (server === 'foreign' && (token ?? cookie ?? key) !== undefined)) {
            wrong.push({ round, hops, seen })
          }
        }
      }
    } finally {
      for (const each of client) each.close()
    }
    expect(wrong).toEqual([])
    expect(followed.calls).toBe(ROUNDS)
    expect(followed.given).toBeGreaterThan(ROUNDS / 2)
    if (!name.includes('node:http') && name !== 'affinityInterceptor')
      expect(followed.redirected).toBeGreaterThan(ROUNDS / 3)
  })
})

it('keeps what two tenants with equal ids have learned apart', async () => {
  const learned = new LearnedState({ headers: ['x-session-token'] })
  const tenants = ['tenant-a', 'tenant-b'].map((namespace) => new Session('conversation-42', { namespace }))
  const client = WAYS[1]?.connect(one.origin, { use: learned })
  redirects = []
  seen = []
  await tenants[0]?.run(async () => {
    await client?.call()
    await client?.call()
  })
  await tenants[1]?.run(() => client?.call())
  expect(seen.map(({ token }) => token)).toEqual([undefined, 'token-of-one', undefined])
})
