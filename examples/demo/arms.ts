import { runWithoutSession, runWithSession, Session, withAffinity } from 'llm-affinity'
import { type Policy, startBalancer, startReplica } from 'llm-affinity-testkit'
import OpenAI from 'openai'

/** One of the two ways to play the same calls. All that differs between them stands in this file. */
export interface Arm {
  readonly name: 'round-robin' | 'affinity'
  /** For the picture: what stands behind the name. */
  readonly about: string
  readonly policy: Policy
  client(baseURL: string): OpenAI
  /** A conversation's own call. */
  main<T>(id: string, call: () => T): T
  /** A call on a side path of a conversation, which has a history of its own: a sub-agent, a smaller model. */
  lane<T>(id: string, name: string, call: () => T): T
  /** A call that belongs to no conversation: a title. */
  sideCall<T>(call: () => T): T
}

// No retries: an error must be seen in the figures.
const bare = (baseURL: string): OpenAI => new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 })

export const roundRobin: Arm = {
  name: 'round-robin',
  about: 'bare OpenAI client, balancer takes turns',
  policy: 'round-robin',
  client: bare,
  main: (_id, call) => call(),
  lane: (_id, _name, call) => call(),
  sideCall: (call) => call(),
}

export const affinity: Arm = {
  name: 'affinity',
  about: 'withAffinity(client), balancer hashes x-session-id',
  policy: { header: 'x-session-id' },
  client: (baseURL) => withAffinity(bare(baseURL)),
  main: (id, call) => runWithSession(id, call),
  lane: (id, name, call) => new Session(id).lane(name).run(call),
  sideCall: (call) => runWithoutSession(call),
}

export interface FleetOptions {
  readonly replicas: number
  readonly cacheTokens: number
  readonly seed: number
  readonly blockTokens: number
  readonly tokensPerWord: number
  readonly prefillMsPerToken: number
  readonly decodeMsPerToken: number
  readonly outputTokens: number
}

/** Replicas, a balancer before them, and a client that knows only the balancer. */
export interface Fleet extends AsyncDisposable {
  readonly client: OpenAI
  /** Names of the replicas, in order: A, B, C ... */
  readonly replicas: readonly string[]
  /** Prompt tokens that each replica had to process, in the same order. */
  processed(): readonly number[]
}

/** Every arm gets a fleet of its own, with empty caches. */
export async function startFleet(arm: Arm, { replicas: count, seed, ...options }: FleetOptions): Promise<Fleet> {
  const stack = new AsyncDisposableStack()
  const names = Array.from({ length: count }, (_, index) => String.fromCharCode('A'.charCodeAt(0) + index))
  const replicas = await Promise.all(names.map((name) => startReplica({ name, ...options })))
  for (const replica of replicas) stack.use(replica)
  const balancer = stack.use(await startBalancer({ targets: replicas, policy: arm.policy, seed }))
  return {
    client: arm.client(balancer.baseURL),
    replicas: names,
    processed: () => replicas.map((replica) => replica.counters().processedTokens),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
