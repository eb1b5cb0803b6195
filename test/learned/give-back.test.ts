import { runWithoutSession, runWithSession, Session } from 'llm-affinity'
import { LearnedState } from 'llm-affinity/learned'
import { type Balancer, type Recorder, startBalancer, startRecorder } from 'llm-affinity-testkit'
import { describe, expect, it } from 'vitest'
import { WAYS } from './integrations.ts'

interface World extends AsyncDisposable {
  readonly balancer: Balancer
  readonly backends: readonly Recorder[]
}

async function world(policy: { token: string } | { cookie: string }, count = 5): Promise<World> {
  const backends = await Promise.all(Array.from({ length: count }, () => startRecorder()))
  const targets = backends.map(({ origin }, at) => ({ name: `backend-${at}`, origin }))
  const balancer = await startBalancer({ targets, policy })
  return {
    balancer,
    backends,
    [Symbol.asyncDispose]: async () => {
      await balancer.close()
      await Promise.all(backends.map((backend) => backend.close()))
    },
  }
}

/** The backends that the calls of each conversation reached, found by a header of the test's own. */
function placesOf(backends: readonly Recorder[]): Map<string, Set<number>> {
  const places = new Map<string, Set<number>>()
  for (const [at, { requests }] of backends.entries()) {
    for (const request of requests) {
      const conversation = request.header('x-test-conversation') ?? ''
      places.set(conversation, (places.get(conversation) ?? new Set()).add(at))
    }
  }
  return places
}

const CONVERSATIONS = Array.from({ length: 10 }, (_, at) => `conversation-${at}`)

describe.each(WAYS)('$name', ({ connect, waits }) => {
  describe.each([
    ['a token', { token: 'x-session-token' }, { headers: ['X-Session-Token'] }],
    ['a cookie', { cookie: 'lb' }, { cookies: ['lb'] }],
  ])('with %s that the gateway hands out', (_, policy, names) => {
    it('keeps each conversation on one backend, and spreads conversations over all', async () => {
      await using it = await world(policy)
      const client = connect(it.balancer.origin, { gateway: 'none', use: new LearnedState(names) })
      try {
        for (let turn = 0; turn < 4; turn++) {
          const turns = CONVERSATIONS.map((id) => runWithSession(id, () => client.call({ 'x-test-conversation': id })))
          await Promise.all(turns)
        }
      } finally {
        client.close()
      }
      const places = placesOf(it.backends)
      expect([...places.values()].map((each) => each.size)).toEqual(CONVERSATIONS.map(() => 1))
      expect(new Set([...places.values()].flatMap((each) => [...each])).size).toBe(5)
    })

    it('gives nothing to side calls and calls outside of a session', async () => {
      await using it = await world(policy, 1)
      const client = connect(it.balancer.origin, { use: new LearnedState(names) })
      try {
        await runWithSession('conversation-42', async () => {
          await client.call()
          await client.call()
          await runWithoutSession(() => client.call())
        })
        await client.call()
      } finally {
        client.close()
      }
      const given = it.backends[0]?.requests.map((each) => each.header('x-session-token') ?? each.header('cookie'))
      expect(given?.map((each) => each !== undefined)).toEqual([false, true, false, false])
    })

    // An interceptor cannot hold a request back.
    if (!waits) return
    it('lets the calls of a burst wait for the first answer, and then go together', async () => {
      await using it = await world(policy)
      const client = connect(it.balancer.origin, { use: new LearnedState(names) })
      const session = new Session()
      const headers = { 'x-test-conversation': 'burst' }
      try {
        await session.run(() => Promise.all(Array.from({ length: 8 }, () => client.call(headers))))
      } finally {
        client.close()
      }
      expect(placesOf(it.backends).get('burst')?.size).toBe(1)
      expect([...it.balancer.counts().values()].reduce((sum, each) => sum + each)).toBe(8)
    })
  })

  it("joins cookies to the caller's own, which win, and does not replace the caller's own token", async () => {
    await using it = await world({ cookie: 'lb' }, 1)
    const learned = new LearnedState({ cookies: ['lb'], headers: ['x-session-token'] })
    const client = connect(it.balancer.origin, { use: learned })
    try {
      await runWithSession('conversation-42', async () => {
        await client.call()
        await client.call({ cookie: 'theme=dark' })
        await client.call({ cookie: 'theme=dark; lb=mine' })
      })
    } finally {
      client.close()
    }
    const sent = it.backends[0]?.requests.map((request) => request.header('cookie'))
    expect(sent).toEqual([undefined, expect.stringMatching(/^theme=dark; lb=[0-9a-f]{16}$/), 'theme=dark; lb=mine'])
  })
})
