import { affinityFetch, runWithSession, Session } from 'llm-affinity'
import { affinityInterceptor } from 'llm-affinity/undici'

export interface Memory {
  /** Of a session that made its own id. */
  readonly bytesPerSession: number
  /** Of one whose id goes on the wire as it is; the id's own text, which is the application's, included. */
  readonly bytesPerSessionWithId: number
  /** Of one whose id has to be hashed, the id included. */
  readonly bytesPerSessionWithUnsafeId: number
  /** What is left on the heap of sessions that were used and dropped. */
  readonly heapGrowthBytes: number
  readonly dropped: number
}

export async function memory(live: number, dropped: number): Promise<Memory> {
  return {
    bytesPerSession: bytesEach(live, () => new Session()),
    bytesPerSessionWithId: bytesEach(live, () => new Session(crypto.randomUUID())),
    bytesPerSessionWithUnsafeId: bytesEach(live, () => new Session(`ü ${crypto.randomUUID()}`)),
    heapGrowthBytes: await growth(dropped),
    dropped,
  }
}

function bytesEach(live: number, make: () => Session): number {
  const kept: (Session | undefined)[] = new Array(live).fill(undefined)
  for (let i = 0; i < live; i++) make()
  const before = heap()
  for (let i = 0; i < live; i++) kept[i] = make()
  const after = heap()
  // Read after the measurement, so that nothing is collected before it.
  const all = kept.reduce((count, session) => count + (session?.key ? 1 : 0), 0)
  return Math.round((after - before) / all)
}

// Through the integrations that remember something of their own: one call of each a session.
async function growth(sessions: number): Promise<number> {
  const answer = new Response('{}')
  const fetch = affinityFetch({ fetch: async () => answer })
  const dispatch = affinityInterceptor({ origins: 'http://gateway.example' })(() => true)
  const use = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      await runWithSession(new Session(), async () => {
        await fetch('http://gateway.example/v1/chat/completions', { method: 'POST', body: '{}' })
        dispatch({ origin: 'http://gateway.example', path: '/v1', headers: {} }, { onRequestStart() {} })
      })
    }
  }
  await use(Math.min(sessions, 20_000))
  const before = heap()
  await use(sessions)
  return heap() - before
}

function heap(): number {
  if (globalThis.gc === undefined) throw new Error('Expected node --expose-gc, got a node without it')
  // Once more for what the first left to finalizers.
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage().heapUsed
}
