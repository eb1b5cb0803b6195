import type { Random } from './random.ts'

/**
 * Where a step of a script is served. `home` and `other` are named in `origins`. The others are foreign: another server,
 * another name of home's server, and home's name with the other scheme.
 */
export type Place = 'home' | 'other' | 'foreign' | 'alias' | 'scheme'

interface Answer {
  readonly status: number
  /** The step that a redirect leads to. */
  readonly to?: number
  /** Whether the location is only a path. Used only for a step at the same place. */
  readonly relative?: boolean
  readonly headers?: Readonly<Record<string, string>>
  readonly gzip?: boolean
  /** Closes the connection instead. */
  readonly drop?: boolean
}

/** What the servers answer to one call: for each step, by attempt. The last answer of a step repeats. */
export interface Script {
  readonly name: string
  readonly steps: readonly { readonly at: Place; readonly answers: readonly Answer[] }[]
  /** How often the same call is made, concurrently or in sequence. */
  readonly repeat: 'once' | 'at once' | 'in turn'
  /** The call's own Cache-Control. `min-fresh` makes a cached answer stale immediately. */
  readonly cacheControl?: string
}

const OK: Answer = { status: 200 }
const BUSY: Answer = { status: 503 }
const ANYWHERE: readonly Place[] = ['home', 'other', 'foreign', 'foreign', 'alias', 'scheme']

/** Steps at these places, each redirecting to the next, with `last` as the answers of the last one. */
function chain(random: Random, places: readonly Place[], last: readonly Answer[] = [OK]): Script['steps'] {
  return places.map((at, step) => {
    if (step === places.length - 1) return { at, answers: last }
    const relative = places[step + 1] === at && random.chance(50)
    return { at, answers: [{ status: random.pick([301, 302, 303, 307, 308]), to: step + 1, relative }] }
  })
}

const cacheable = (random: Random, directives: string): Answer => ({
  status: 200,
  headers: {
    'cache-control': directives,
    etag: '"v1"',
    ...(random.chance(30) && { vary: random.pick(['x-session-id', 'accept', 'X-Session-Id, x-own']) }),
  },
})

const LONGEST = 'more redirects than the limit'

const SCRIPTS: Record<string, (random: Random) => Omit<Script, 'name'>> = {
  plain: () => ({ steps: [{ at: 'home', answers: [OK] }], repeat: 'once' }),
  'plain at the other named origin': () => ({ steps: [{ at: 'other', answers: [OK] }], repeat: 'once' }),
  'plain at a foreign origin': (random) => ({
    steps: [{ at: random.pick(['foreign', 'alias', 'scheme']), answers: [OK] }],
    repeat: 'once',
  }),
  'twice at once': () => ({ steps: [{ at: 'home', answers: [OK] }], repeat: 'at once' }),
  refusal: (random) => ({
    steps: [{ at: 'home', answers: [{ status: random.pick([400, 404, 429, 500]) }] }],
    repeat: 'once',
  }),
  gzip: () => ({ steps: [{ at: 'home', answers: [{ status: 200, gzip: true }] }], repeat: 'once' }),
  redirect: (random) => ({ steps: chain(random, ['home', random.pick(ANYWHERE)]), repeat: 'once' }),
  'redirect, twice at once': (random) => ({
    steps: chain(random, ['home', random.pick(ANYWHERE)]),
    repeat: 'at once',
  }),
  'to and fro': (random) => ({ steps: chain(random, ['home', 'foreign', 'home', 'foreign']), repeat: 'once' }),
  'chain of redirects': (random) => ({
    steps: chain(random, ['home', ...Array.from({ length: 2 + random.below(3) }, () => random.pick(ANYWHERE))]),
    repeat: 'once',
  }),
  'from a foreign origin home': (random) => ({ steps: chain(random, ['foreign', 'home', 'foreign']), repeat: 'once' }),
  [LONGEST]: (random) => ({
    steps: chain(
      random,
      Array.from({ length: 24 }, (_, step) => (step % 2 === 0 ? 'home' : 'foreign')),
    ),
    repeat: 'once',
  }),
  'redirect to itself': () => ({ steps: [{ at: 'home', answers: [{ status: 307, to: 0 }] }], repeat: 'once' }),
  'busy, then well': () => ({ steps: [{ at: 'home', answers: [BUSY, OK] }], repeat: 'once' }),
  'busy for good': () => ({ steps: [{ at: 'home', answers: [BUSY] }], repeat: 'once' }),
  'dropped, then well': () => ({ steps: [{ at: 'home', answers: [{ status: 0, drop: true }, OK] }], repeat: 'once' }),
  'busy, then a redirect': (random) => {
    const [first, ...rest] = chain(random, ['home', random.pick(ANYWHERE)])
    return { steps: [{ at: 'home', answers: [BUSY, ...(first?.answers ?? [])] }, ...rest], repeat: 'once' }
  },
  'redirect to where it is busy, then well': (random) => ({
    steps: chain(random, ['home', random.pick(ANYWHERE)], [BUSY, OK]),
    repeat: 'once',
  }),
  'redirect to where it is busy, then a redirect home': (random) => ({
    steps: [
      ...chain(random, ['home', 'foreign']).slice(0, 1),
      { at: 'foreign', answers: [BUSY, { status: 307, to: 2 }] },
      { at: 'home', answers: [OK] },
    ],
    repeat: 'once',
  }),
  cached: (random) => ({
    steps: [{ at: 'home', answers: [cacheable(random, 'public, max-age=60')] }],
    repeat: 'in turn',
  }),
  'cached behind a redirect': (random) => ({
    steps: chain(random, ['home', random.pick(ANYWHERE)], [cacheable(random, 'public, max-age=60')]),
    repeat: 'in turn',
  }),
  'revalidated by a redirect': (random) => ({
    steps: [
      {
        at: 'home',
        answers: [
          cacheable(
            random,
            random.pick(['max-age=20, stale-while-revalidate=60', 'max-age=20, must-revalidate', 'no-cache']),
          ),
          { status: random.pick([302, 307]), to: 1 },
        ],
      },
      { at: random.pick(ANYWHERE), answers: [OK] },
    ],
    repeat: 'in turn',
    cacheControl: 'min-fresh=30',
  }),
  'revalidated, not modified': (random) => ({
    steps: [{ at: 'home', answers: [cacheable(random, 'no-cache'), { status: 304, headers: { etag: '"v1"' } }] }],
    repeat: 'in turn',
  }),
}

export function scriptOf(random: Random, canDrop: boolean): Script {
  const names = Object.keys(SCRIPTS).filter((name) => canDrop || !name.startsWith('dropped'))
  let name = random.pick(names)
  // Played less often than the others, since a fetch follows twenty hops.
  if (name === LONGEST && random.chance(60)) name = random.pick(names)
  const made = SCRIPTS[name]?.(random)
  if (made === undefined) throw new Error(name)
  return { name, ...made }
}
