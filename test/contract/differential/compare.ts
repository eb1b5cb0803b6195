// Compares a call through affinityFetch with a bare one.

import { isDeepStrictEqual } from 'node:util'
import { type AffinityOptions, affinityFetch, type Fetch, runWithSession } from 'llm-affinity'
import type { Places } from './answers.ts'
import type { Recipe } from './arguments.ts'
import { known } from './known.ts'
import type { AnyFetch, Maker } from './makers.ts'
import { run, type Seen } from './run.ts'
import type { Arrived } from './servers.ts'

const KEY = 'conversation-42'

type Options = AffinityOptions
const BODY = { field: 'prompt_cache_key', paths: ['/chat/completions'] }

/** The options of affinityFetch. */
export const setups: Readonly<Record<string, (places: Places) => Options>> = {
  bare: () => ({}),
  onOutcome: () => ({ onOutcome: () => {} }),
  origins: ({ home }) => ({ origins: home }),
  'a body field': () => ({ gateway: { name: 'ours', headers: [], body: BODY } }),
  'a body field and a header': () => ({ gateway: { name: 'ours', headers: ['x-session-id'], body: BODY } }),
  'a body field, and onOutcome': () => ({ gateway: { name: 'ours', headers: [], body: BODY }, onOutcome: () => {} }),
}

export interface Difference {
  readonly facet: string
  readonly bare: unknown
  readonly ours: unknown
}

export interface Compared {
  readonly differences: readonly Difference[]
  /** Whether affinityFetch hangs where the bare fetch does not. */
  readonly hangs: boolean
  /** How many requests through affinityFetch carried a key. */
  readonly stamped: number
}

/** Wraps each call. */
export type Around = (send: AnyFetch) => AnyFetch

/** @returns Undefined if the recipe makes no call. */
export async function compare(
  maker: Maker,
  recipe: Recipe,
  at: Places,
  around: Around = (send) => send,
): Promise<Compared | undefined> {
  const options = setups[recipe.setup ?? '']?.(at) ?? {}
  const ours = affinityFetch(maker.isDefault ? options : { ...options, fetch: maker.fetch as Fetch }) as AnyFetch
  const bare = await run(around(maker.fetch), maker, recipe, { ...at, id: `${at.id}a` })
  if (bare === undefined) return undefined
  const seen = await runWithSession(KEY, () => run(around(ours), maker, recipe, { ...at, id: `${at.id}b` }))
  if (seen === undefined) throw new Error('arguments that can be made once only')
  const ignored = known(maker, recipe)
  const differences = differencesOf(
    facetsOf(bare, maker),
    facetsOf({ ...seen, arrived: seen.arrived.map(without) }, maker),
  )
  const leaks = seen.arrived.filter((request) => request.at === 'foreign' && carries(request))
  return {
    differences: [
      ...(leaks.length > 0 ? [{ facet: 'LEAK', bare: 0, ours: leaks.length }] : []),
      ...differences.filter(({ facet }) => !ignored.has(facet)),
    ],
    hangs: seen.facets.hangs !== undefined && bare.facets.hangs === undefined,
    stamped: seen.arrived.filter(carries).length,
  }
}

const carries = (request: Arrived): boolean => JSON.stringify(request).includes(KEY)

type Facets = Seen['facets']

/** Compares first whether there was an answer at all. */
function differencesOf(bare: Facets, ours: Facets): Difference[] {
  const kindOf = ({ error, hangs, status }: Facets): unknown => ({ error, hangs, status })
  const isAnswer = (facets: Facets): boolean => facets.error === undefined && facets.hangs === undefined
  if (isAnswer(bare) !== isAnswer(ours)) return [{ facet: 'outcome', bare: kindOf(bare), ours: kindOf(ours) }]
  return [...new Set([...Object.keys(bare), ...Object.keys(ours)])]
    .map((facet) => ({ facet, bare: bare[facet], ours: ours[facet] }))
    .filter((each) => !isDeepStrictEqual(each.bare, each.ours))
}

/** Compares each facet separately, so that a known difference does not hide another one. */
function facetsOf({ facets, arrived }: Seen, { isUnordered }: Maker): Facets {
  const [first, ...hops] = isUnordered
    ? arrived.map((each) => ({ ...each, headers: each.headers.toSorted(([a], [b]) => (a < b ? -1 : 1)) }))
    : arrived
  return {
    ...facets,
    first: first && opening(first),
    firstHeaders: first?.headers,
    hops: hops.map(opening),
    hopHeaders: hops.map(({ headers }) => headers),
    closed: [first, ...hops].map((request) => request?.closed),
  }
}

const opening = ({ at, line, body }: Arrived): object => ({ at, line, body })

const FIELD = new RegExp(`"prompt_cache_key":"${KEY}",?`)

/** A request without what affinityFetch added to it. */
function without({ headers, body, ...rest }: Arrived): Arrived {
  const text = body?.replace(FIELD, '')
  const added = (body?.length ?? 0) - (text?.length ?? 0)
  const others = headers.filter(([name, value]) => !(value === KEY && /^x-(litellm-)?session-id$/i.test(name)))
  return {
    ...rest,
    headers: others.map(([name, value]) => [
      name,
      added > 0 && /^content-length$/i.test(name) ? `${Number(value) - added}` : value,
    ]),
    body: text,
  }
}
