import { type Replica, type ReplicaOptions, startBalancer, startReplica, type Target } from 'llm-affinity-testkit'
import { findCaddy, startCaddy } from './caddy.ts'

/** Where the app sends its calls. */
export interface Fleet extends AsyncDisposable {
  /** What it is, in a sentence. */
  readonly about: string
  readonly baseURL: string
  /** The response header that names the backend. */
  readonly backendHeader: string
  /** The names of the backends, where they are known beforehand. */
  readonly replicas: readonly string[]
}

// Slow enough that one sees the text come, and waits longer for a prompt that is not cached.
const engine = { cacheTokens: 200_000, blockTokens: 8, prefillMsPerToken: 1, decodeMsPerToken: 20, outputTokens: 17 }

export async function startFleet(): Promise<Fleet> {
  await using stack = new AsyncDisposableStack()
  const replicas = await startReplicas()
  for (const replica of replicas) stack.use(replica)
  const gateway = stack.use(await startGateway(replicas))
  // From here on it is the caller's to dispose of.
  const started = stack.move()
  return { ...gateway, [Symbol.asyncDispose]: () => started.disposeAsync() }
}

export function startReplicas(options: Partial<ReplicaOptions> = {}): Promise<Replica[]> {
  return Promise.all(['A', 'B', 'C'].map((name) => startReplica({ ...engine, ...options, name })))
}

/** Caddy before these servers, or where it is not installed what stands in for it. */
export async function startGateway(targets: readonly Target[]): Promise<Fleet> {
  const binary = findCaddy()
  if (binary === undefined) return startStandIn(targets)
  const caddy = await startCaddy(
    binary,
    targets.map(({ origin }) => origin),
  )
  return {
    about: 'Caddy hashes X-Session-Id over three replicas, which give the same answer to everything',
    baseURL: `${caddy.origin}/v1`,
    ...named(targets),
    [Symbol.asyncDispose]: () => caddy.stop(),
  }
}

/** The testkit's balancer, which hashes the same header. */
export async function startStandIn(targets: readonly Target[]): Promise<Fleet> {
  const balancer = await startBalancer({ targets, policy: { header: 'x-session-id' } })
  return {
    about: 'Caddy is not installed (npm run gateways:install brings it), so the balancer of the testkit stands in',
    baseURL: balancer.baseURL,
    ...named(targets),
    [Symbol.asyncDispose]: () => balancer.close(),
  }
}

const named = (targets: readonly Target[]) => ({
  backendHeader: 'x-replica',
  replicas: targets.map(({ name }) => name),
})
