import { currentSession, runWithoutSession, runWithSession, Session } from 'llm-affinity'
import { type Recorder, startRecorder } from 'llm-affinity-testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Connection, integrations } from '../support/integrations.ts'
import { keyOn } from '../support/wire.ts'

const CALLS = 100_000
const BATCH = 1_000
const CONVERSATIONS = 50

let server: Recorder
beforeAll(async () => {
  server = await startRecorder()
})
afterAll(() => server.close())

// Shared by all conversations, as a service would.
const names = ['affinityFetch', 'OpenAI', 'Anthropic', 'undici 8, below retry', 'undici 8, below retry and redirect']
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
function call(it: Connection): Promise<unknown> {
  const content = currentSession()?.key ?? 'unpinned'
  return it.call({ content })
}

async function read(it: Connection): Promise<void> {
  const content = currentSession()?.key ?? 'unpinned'
  const stream = await it.stream?.({ content })
  if (stream === undefined) throw new Error('a stream')
  // Read where nobody speaks.
  await runWithoutSession(async () => {
    for await (const _ of stream);
  })
}

it('carries 100,000 interleaved calls with no wrong and no missing key: retries, streams, nested scopes, sidecars', {
  timeout: 600_000,
}, async () => {
  const connections = names.map((name) => {
    const integration = integrations.find((each) => each.name === name)
    if (integration === undefined) throw new Error(`a integration called ${name}`)
    return integration.connect(server.origin, {})
  })
  const random = lcg(42)
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T
  const kinds: ((session: Session, it: Connection) => Promise<unknown>)[] = [
    (session, it) => session.run(() => call(it)),
    (session, it) => session.run(() => read(it)),
    (session, it) => session.run(() => runWithoutSession(() => call(it))),
    (session, it) => session.lane('titles').run(() => call(it)),
    (session, it) => session.run(() => Promise.all([call(it), session.child('search').run(() => call(it)), call(it)])),
    (_session, it) => runWithSession('an id that has to be hashed', () => call(it)),
    (_session, it) => call(it),
  ]

  let calls = 0
  let attempts = 0
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
  }
  await Promise.all(connections.map((each) => each.close()))
  expect(wrong).toEqual([])
  expect(calls).toBeGreaterThanOrEqual(CALLS)
  expect(attempts).toBeGreaterThan(calls)
})
