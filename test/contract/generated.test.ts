import fc from 'fast-check'
import { affinityFetch, runWithSession } from 'llm-affinity'
import { affinityInterceptor } from 'llm-affinity/undici'
import { type Recorder, startRecorder } from 'llm-affinity-testkit'
import { Agent, interceptors, fetch as undiciFetch } from 'undici'
import { afterAll, expect, it } from 'vitest'
import { keyOn } from '../support/wire.ts'

const RUNS = 10_000
const KEY = 'conversation-42'

// Two servers, each under two names, are four origins. The first is home.
const servers: readonly Recorder[] = [await startRecorder(), await startRecorder()]
const origins = servers.flatMap(({ origin }) => [origin, origin.replace('127.0.0.1', 'localhost')])
afterAll(() => Promise.all(servers.map((server) => server.close())))

const hop = fc.record({
  status: fc.constantFrom(301, 302, 303, 307, 308),
  to: fc.integer({ min: 0, max: 3 }),
  relative: fc.boolean(),
})
const journey = fc.record({ from: fc.integer({ min: 0, max: 3 }), hops: fc.array(hop, { maxLength: 4 }) })

type Send = (url: string, init: RequestInit) => Promise<unknown>

/** Plays one journey, and returns the hops at which a key arrived that should not have, or did not that should have. */
async function play(
  send: Send,
  { from, hops }: { from: number; hops: { status: number; to: number; relative: boolean }[] },
): Promise<string[]> {
  for (const server of servers) server.clear()
  let at = from
  const places = [from]
  for (const [i, { status, to, relative }] of hops.entries()) {
    if (!relative) at = to
    const server = servers[Math.floor((places.at(-1) ?? 0) / 2)]
    server?.script({ status, headers: { location: `${relative ? '' : origins[at]}/v1/hop-${i}` } })
    places.push(at)
  }
  await runWithSession(KEY, () => send(`${origins[from]}/v1/start`, { method: 'POST', body: '{}' })).catch(() => {})
  const arrived = servers.flatMap((server) => server.requests).toSorted((a, b) => a.at - b.at)
  const wrong = arrived.length === hops.length + 1 ? [] : [`${arrived.length} arrived of ${hops.length + 1}`]
  arrived.forEach((request, i) => {
    const host = `http://${request.header('host')}`
    // A call that starts at another origin is not stamped.
    if (keyOn(request) !== (from === 0 && host === origins[0] ? KEY : undefined))
      wrong.push(`hop ${i} at ${host}: ${keyOn(request)}`)
  })
  return wrong
}

const agents = {
  below: new Agent().compose(
    affinityInterceptor({ origins: String(origins[0]) }),
    interceptors.redirect({ maxRedirections: 20 }),
  ),
  above: new Agent().compose(
    interceptors.redirect({ maxRedirections: 20 }),
    affinityInterceptor({ origins: String(origins[0]) }),
  ),
  fetch: new Agent().compose(affinityInterceptor({ origins: String(origins[0]) })),
}
afterAll(() => Promise.all(Object.values(agents).map((agent) => agent.close())))

const request =
  (agent: Agent): Send =>
  async (url, init) =>
    (
      await agent.request({
        origin: new URL(url).origin,
        path: new URL(url).pathname,
        method: 'POST',
        body: String(init.body),
      })
    ).body.dump()

// One policy names home in `origins`, the other takes it from the call. With the latter only hops are foreign, never calls.
const named: [string, (origins: string | undefined) => Send][] = [
  ['affinityFetch', (at) => affinityFetch(at === undefined ? {} : { origins: at })],
  ['undici, below redirect', () => request(agents.below as Agent)],
  ['undici, above redirect', () => request(agents.above as Agent)],
  [
    'undici, under its own fetch',
    () => (url, init) => undiciFetch(url, { ...(init as object), dispatcher: agents.fetch }) as Promise<unknown>,
  ],
]

it.each(named)(
  'sends no key to a foreign origin in 2,500 generated redirects and foreign calls: %s',
  { timeout: 300_000 },
  async (name, make) => {
    let played = 0
    await fc.assert(
      fc.asyncProperty(journey, async (each) => {
        played++
        const explicit = name === 'affinityFetch'
        const start = explicit ? each : { ...each, from: 0 }
        expect(await play(make(explicit ? origins[0] : undefined), start)).toEqual([])
      }),
      { numRuns: RUNS / named.length },
    )
    expect(played).toBe(RUNS / named.length)
  },
)
