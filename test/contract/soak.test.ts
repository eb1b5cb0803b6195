import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { currentSession, runWithoutSession, runWithSession, Session } from 'llm-affinity'
import { type Recorder, startRecorder } from 'llm-affinity-testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Connection, integrations } from '../support/integrations.ts'
import { keyOn } from '../support/wire.ts'

// `npm run soak` makes a million calls.
const CALLS = Number(process.env.SOAK_CALLS ?? 40_000)
const BATCH = 1_000
const CONVERSATIONS = 50

let server: Recorder
beforeAll(async () => {
  server = await startRecorder()
})
afterAll(() => server.close())

// Shared by all conversations, as a service would.
const names = [
  'affinityFetch',
  'affinityFetch over another fetch',
  'OpenAI',
  'AzureOpenAI',
  'Anthropic',
  'undici 8, below retry',
  'undici 8, below retry and redirect',
]
const sessions = Array.from({ length: CONVERSATIONS }, () => new Session())

// The same walk each time: a failure can be played again.
function lcg(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state % below
  }
}

/** One call that says in its content which key it must carry. */
function call(client: Connection): Promise<unknown> {
  const content = currentSession()?.key ?? 'unpinned'
  return client.call({ content })
}

async function read(client: Connection): Promise<void> {
  const content = currentSession()?.key ?? 'unpinned'
  const stream = await client.stream?.({ content })
  if (stream === undefined) throw new Error('a stream')
  // Read where nobody speaks.
  await runWithoutSession(async () => {
    for await (const _ of stream);
  })
}

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** What must not grow with the number of calls. */
function inUse(): { readonly heapMB: number; readonly sockets: number } {
  collectGarbage()
  const sockets = process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
  return { heapMB: process.memoryUsage().heapUsed / 2 ** 20, sockets }
}

it(`sends ${CALLS} interleaved calls without a wrong or a missing key: retries, streams, nested scopes, side calls`, {
  timeout: Math.max(600_000, CALLS * 10),
}, async () => {
  const connections = names.map((name) => {
    const integration = integrations.find((each) => each.name === name)
    if (integration === undefined) throw new Error(`There is no integration called ${name}`)
    return integration.connect(server.origin, {})
  })
  const random = lcg(42)
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T
  const kinds: ((session: Session, client: Connection) => Promise<unknown>)[] = [
    (session, client) => session.run(() => call(client)),
    (session, client) => session.run(() => read(client)),
    (session, client) => session.run(() => runWithoutSession(() => call(client))),
    (session, client) => session.lane('titles').run(() => call(client)),
    (session, client) =>
      session.run(() => Promise.all([call(client), session.child('search').run(() => call(client)), call(client)])),
    (_session, client) => runWithSession('an id that has to be hashed', () => call(client)),
    (_session, client) => call(client),
  ]

  let calls = 0
  let attempts = 0
  let early: ReturnType<typeof inUse> | undefined
  const wrong: unknown[] = []
  const openers = ['"content":"', '"text":"']
  while (calls < CALLS) {
    server.clear()
    server.script(...Array.from({ length: 40 }, () => ({ status: 500 })))
    const pending: Promise<unknown>[] = []
    for (let made = 0; made < BATCH; ) {
      const kind = pick(kinds)
      pending.push(kind(pick(sessions), pick(connections)))
      made += kind === kinds[4] ? 3 : 1
      if (pending.length % 64 === 0) await Promise.all(pending.splice(0, 32))
    }
    await Promise.all(pending)
    for (const request of server.requests) {
      const text = request.text()
      const at = openers.map((opener) => text.indexOf(opener) + opener.length).find((found) => found > 10) ?? 0
      const expected = text.slice(at, text.indexOf('"', at))
      if ((keyOn(request) ?? 'unpinned') !== expected) wrong.push({ expected, got: keyOn(request) })
    }
    attempts += server.requests.length
    calls += server.requests.length - 40
    server.clear()
    // After a quarter, everything that is kept has its size.
    if (calls >= CALLS / 4) early ??= inUse()
  }
  const late = inUse()
  console.log(`${attempts} requests: ${JSON.stringify({ early, late })}`)
  await Promise.all(connections.map((each) => each.close()))
  expect(wrong).toEqual([])
  expect(calls).toBeGreaterThanOrEqual(CALLS)
  expect(attempts).toBeGreaterThan(calls)
  expect(late.heapMB).toBeLessThan((early?.heapMB ?? 0) + 16)
  // As many as calls were in flight, which varies; one leak in a thousand calls would be more.
  expect(late.sockets).toBeLessThan(2 * (early?.sockets ?? 0))
})
