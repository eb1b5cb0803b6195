import { type Policy, PrefixCache, type Replica, startBalancer, startReplica } from 'llm-affinity-testkit'

/** What really decides where a conversation goes. */
type Truth = 'key' | 'key in part' | 'another header' | 'something else' | 'nothing' | 'one backend'

/** A simulated gateway, and the verdicts that are right for it. */
export interface BenchSetup {
  readonly title: string
  readonly truth: Truth
  /** `unknown` only where the set-up cannot be told from others with the default budget. */
  readonly right: readonly string[]
  readonly args: readonly string[]
  start(stack: AsyncDisposableStack, seed: number): Promise<string>
}

interface PolicyCase {
  readonly title: string
  readonly policy: (count: number) => Policy
  readonly truth: Truth
  /** The right verdicts where answers name their backend. */
  readonly named: readonly string[]
  /** The right verdicts where only caches show it, and they can be read. Absent: not tried. */
  readonly cached?: readonly string[]
  readonly dropRequestHeaders?: readonly string[]
  readonly args?: readonly string[]
}

interface CacheCase {
  readonly title: string
  readonly blockTokens?: number
  readonly settleMs?: number
  readonly minCachedTokens?: number
  readonly maxCachedTokens?: number
  readonly cacheTokens?: number
  readonly isShared?: true
}

interface Visibility {
  readonly title: string
  /** Headers to set, or to remove, on each answer. */
  readonly headers: (target: string, request: number) => Readonly<Record<string, string | undefined>>
}

const HEADER = 'x-session-id'
const header =
  (more: object = {}) =>
  (): Policy => ({ header: HEADER, ...more })
const MOVES = ['not-sticky']
const CANNOT_TELL = ['unknown']

const policies = {
  key: { title: 'hashes the key', policy: header(), truth: 'key', named: ['sticky'], cached: ['sticky'] },
  keySame: {
    title: 'hashes the key, and all calls without it go to one backend',
    policy: header({ missing: 'same' }),
    truth: 'key',
    named: ['sticky'],
    // Both arms find everything: one backend would look the same.
    cached: CANNOT_TELL,
  },
  keyRequired: {
    title: 'hashes the key, and rejects calls without it',
    policy: header({ missing: 'reject' }),
    truth: 'key',
    named: ['sticky'],
    cached: ['sticky'],
  },
  secondTurn: {
    title: 'hashes the key from the second turn on',
    policy: header({ fromTurn: 2 }),
    truth: 'key',
    named: ['sticky'],
    cached: ['sticky', 'unknown', 'partly-sticky'],
  },
  longPrompts: {
    title: 'hashes the key of prompts of 200 words or more',
    policy: header({ minWords: 200 }),
    truth: 'key',
    named: ['sticky'],
    cached: ['sticky'],
  },
  spill: {
    title: 'hashes the key, and one call of four spills over',
    policy: header({ spill: 0.25 }),
    truth: 'key in part',
    named: ['partly-sticky', 'unknown'],
    cached: ['partly-sticky', 'unknown'],
  },
  ttl: {
    title: 'hashes the key, for 1 ms',
    policy: header({ ttlMs: 1 }),
    truth: 'nothing',
    named: MOVES,
    cached: MOVES,
  },
  otherHeader: {
    title: 'hashes x-conversation-id',
    policy: () => ({ header: 'x-conversation-id' }),
    truth: 'another header',
    named: ['wrong-name'],
    // The budget does not suffice for the probe.
    cached: ['not-sticky', 'wrong-name'],
  },
  stripped: {
    title: 'hashes the key, behind a hop that drops it',
    policy: header(),
    truth: 'nothing',
    named: MOVES,
    cached: MOVES,
    dropRequestHeaders: [HEADER],
  },
  roundRobin: { title: 'round robin', policy: () => 'round-robin', truth: 'nothing', named: MOVES, cached: MOVES },
  random: { title: 'random', policy: () => 'random', truth: 'nothing', named: MOVES, cached: MOVES },
  skewed: {
    title: 'random, 97 % to one backend',
    policy: (count) => ({ weights: [97, ...Array.from({ length: count - 1 }, () => 3 / (count - 1))] }),
    truth: 'nothing',
    named: ['not-sticky', 'unknown'],
    cached: ['not-sticky', 'unknown'],
  },
  uneven: {
    title: 'random, 80 % to one backend',
    policy: (count) => ({ weights: [80, ...Array.from({ length: count - 1 }, () => 20 / (count - 1))] }),
    truth: 'nothing',
    named: MOVES,
    cached: ['not-sticky', 'unknown'],
  },
  firstFit: {
    title: 'first fit, two calls for each backend',
    policy: () => ({ firstFit: 2 }),
    truth: 'nothing',
    named: ['not-sticky', 'unknown'],
    cached: ['not-sticky', 'unknown'],
  },
  connection: {
    title: 'one backend for each connection',
    policy: () => 'connection',
    truth: 'nothing',
    named: ['not-sticky', 'unknown'],
    cached: ['not-sticky', 'unknown'],
  },
  prompt: {
    title: 'hashes the beginning of the prompt',
    policy: () => ({ promptWords: 60 }),
    truth: 'something else',
    named: ['sticky-without-key'],
    cached: CANNOT_TELL,
  },
  address: {
    title: 'hashes the client’s address',
    policy: () => 'address',
    truth: 'something else',
    named: ['sticky-without-key'],
    cached: CANNOT_TELL,
  },
} as const satisfies Record<string, PolicyCase>

const all: Readonly<Record<string, PolicyCase>> = policies
const NAME = 'x-replica'
const hidden = { [NAME]: undefined }
const visible = {
  named: { title: 'x-replica', headers: () => ({}) },
  zone: { title: 'x-zone, which may be anything', headers: (target) => ({ ...hidden, 'x-zone': `eu-${target}` }) },
  cookie: {
    title: 'a cookie SERVERID',
    headers: (target) => ({ ...hidden, 'set-cookie': `SERVERID=${target}; path=/` }),
  },
  nameless: { title: 'caches only', headers: () => hidden },
  edge: { title: 'caches, and one x-edge', headers: () => ({ ...hidden, 'x-edge': 'fra1' }) },
  constant: { title: 'caches, and a constant x-backend', headers: () => ({ ...hidden, 'x-backend': 'pool' }) },
  edges: {
    title: 'caches, and two x-served-by in turn',
    headers: (_, request) => ({ ...hidden, 'x-served-by': `edge-${request % 2}` }),
  },
  status: {
    title: 'caches, and x-upstream-status',
    headers: () => ({ ...hidden, 'x-upstream-status': '200' }),
  },
  tier: {
    title: 'caches, and an x-cache-tier in turn',
    headers: (_, request) => ({ ...hidden, 'x-cache-tier': request % 3 === 0 ? 'hot' : 'cold' }),
  },
} as const satisfies Record<string, Visibility>

const block = (blockTokens: number): CacheCase => ({ title: `blocks of ${blockTokens}`, blockTokens })
const caches = {
  usual: { title: 'blocks of 64', blockTokens: 64 },
  none: { title: 'no cache', cacheTokens: 64, minCachedTokens: 10_000 },
  shared: { title: 'one cache for all', isShared: true },
  head: { title: 'caches the first 64 tokens only', maxCachedTokens: 64 },
  late: { title: 'caches settle in 300 ms', settleMs: 300 },
  provider: { title: 'caches from 1,024 tokens on, in blocks of 128', blockTokens: 128, minCachedTokens: 1024 },
} as const satisfies Record<string, CacheCase>

interface More {
  readonly count?: number
  readonly limit?: { readonly requests: number; readonly windowMs: number }
  readonly right?: readonly string[]
  readonly truth?: Truth
}

function setup(policy: PolicyCase, look: Visibility, cache: CacheCase, more: More = {}): BenchSetup {
  const { count = 3, limit } = more
  const isNamed = look === visible.named
  const right = more.right ?? (isNamed ? policy.named : policy.cached) ?? CANNOT_TELL
  const parts = [
    policy.title,
    `seen by ${look.title}`,
    cache.title,
    count === 3 ? '' : `${count} backends`,
    limit === undefined ? '' : `${limit.requests} calls in ${limit.windowMs} ms`,
  ]
  return {
    title: parts.filter((part) => part !== '').join('; '),
    truth: more.truth ?? (count === 1 ? 'one backend' : policy.truth),
    right,
    args: policy.args ?? [],
    start: async (stack, seed) => {
      const { title: _, isShared, ...options } = cache
      const cacheOptions = { cacheTokens: 10_000_000, ...options }
      const shared = isShared ? { cache: new PrefixCache(cacheOptions) } : {}
      const replicas: Replica[] = []
      for (let index = 0; index < count; index++) {
        const name = `b${index + 1}`
        replicas.push(stack.use(await startReplica({ name, ...cacheOptions, ...shared, outputTokens: 2 })))
      }
      const balancer = await startBalancer({
        targets: replicas,
        policy: policy.policy(count),
        seed,
        answerHeaders: look.headers,
        ...(limit && { limit }),
        ...(policy.dropRequestHeaders && { dropRequestHeaders: policy.dropRequestHeaders }),
      })
      return stack.use(balancer).baseURL
    },
  }
}

const { named, nameless } = visible
const { usual, none } = caches
const limited = { limit: { requests: 12, windowMs: 1000 } }

export const benchSetups: readonly BenchSetup[] = [
  // Every policy, with names, with caches, and with both.
  ...Object.values(all).map((policy) => setup(policy, named, usual)),
  ...Object.values(all).map((policy) => setup(policy, named, none, noCache(policy))),
  ...Object.values(all).map((policy) => setup(policy, nameless, usual)),
  // One backend.
  setup(all.key as PolicyCase, named, usual, { count: 1, right: ['single-backend'] }),
  setup(all.key as PolicyCase, named, none, { count: 1, right: ['single-backend', 'unknown'] }),
  setup(all.key as PolicyCase, nameless, usual, { count: 1, right: CANNOT_TELL }),
  // Two backends, and five.
  ...[2, 5].flatMap((count) =>
    [policies.key, policies.random, policies.roundRobin].flatMap((policy) => [
      setup(policy, named, usual, { count }),
      setup(policy, nameless, usual, { count, ...(count === 2 && { right: [...policy.cached, 'unknown'] }) }),
    ]),
  ),
  // How caches count.
  ...[16, 128, 256, 512].flatMap((size) => [
    setup(policies.key, nameless, block(size)),
    setup(policies.random, nameless, block(size)),
  ]),
  // Questions of a block and more leave too few conversations in the default budget.
  setup(policies.key, nameless, block(1024), { right: ['sticky', 'unknown'] }),
  setup(policies.random, nameless, block(1024), { right: ['not-sticky', 'unknown'] }),
  ...[caches.late, caches.provider].flatMap((cache) => [
    setup(policies.key, nameless, cache),
    setup(policies.random, nameless, cache),
    setup(policies.key, named, cache),
  ]),
  ...[none, caches.shared, caches.head].flatMap((cache) => [
    setup(policies.key, nameless, cache, { right: CANNOT_TELL }),
    setup(policies.random, nameless, cache, { right: CANNOT_TELL }),
  ]),
  setup(policies.random, named, caches.shared),
  setup(policies.key, named, caches.shared),
  // Values that may name something else.
  setup(policies.key, visible.zone, none, { right: ['sticky', 'unknown'] }),
  setup(policies.random, visible.zone, none, { right: CANNOT_TELL }),
  setup(policies.key, visible.zone, usual, { right: ['sticky'] }),
  setup(policies.random, visible.zone, usual, { right: MOVES }),
  setup(policies.key, visible.cookie, none, { right: ['sticky'] }),
  setup(policies.random, visible.cookie, none, { right: MOVES }),
  ...[visible.edge, visible.constant, visible.edges, visible.status, visible.tier].flatMap((look) => [
    setup(policies.key, look, usual),
    setup(policies.random, look, usual),
    setup(policies.random, look, none, {
      right: look === visible.constant ? ['unknown', 'single-backend'] : ['unknown'],
    }),
  ]),
  // Limits.
  setup(policies.key, named, usual, limited),
  setup(policies.random, named, usual, limited),
]

// Without a cache nothing changes where answers name their backend.
function noCache({ truth, named: right }: PolicyCase): More {
  return { truth, right }
}
