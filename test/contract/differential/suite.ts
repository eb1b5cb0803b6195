// Draws recipes from a seed, compares each, and reduces what fails to the fewest unusual values that still fail.

import { finals, hopBodies, hopHeaders, type Places, routes, statuses } from './answers.ts'
import { inits, inputs, type Recipe } from './arguments.ts'
import { type Around, type Compared, compare, setups } from './compare.ts'
import type { Maker } from './makers.ts'
import { members } from './members.ts'
import { readings } from './run.ts'

/** Every dimension with the names of its values. The first is the usual one. */
const dimensions: Readonly<Record<string, readonly string[]>> = {
  setup: Object.keys(setups),
  input: Object.keys(inputs),
  init: Object.keys(inits),
  ...Object.fromEntries(Object.entries(members).map(([name, values]) => [name, Object.keys(values)])),
  route: Object.keys(routes),
  status: statuses.map(String),
  hopHeaders: Object.keys(hopHeaders),
  hopBody: Object.keys(hopBodies),
  final: Object.keys(finals),
  read: Object.keys(readings),
}

/** The percentage of recipes in which a dimension has an unusual value. */
const UNUSUAL: Readonly<Record<string, number>> = { setup: 60, route: 60, status: 80, headers: 40, body: 40, read: 60 }
const SELDOM = 10
const MAX_REDUCED = 40
// A call that hangs will hang again, and costs the timeout each time.
const MAX_HUNG = 3

// Mulberry32: small, and deterministic on every machine.
function random(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

function draw(below: (n: number) => number, broken: Maker['broken'] = {}): Recipe {
  return Object.fromEntries(
    Object.entries(dimensions).map(([name, all]) => {
      const values = all.filter((value) => !broken[name]?.includes(value))
      const isUnusual = below(100) < (UNUSUAL[name] ?? SELDOM)
      return [name, values[isUnusual ? below(values.length) : 0] ?? '']
    }),
  )
}

/** The unusual values of a recipe, as which it is printed. */
function unusual(recipe: Recipe): Recipe {
  return Object.fromEntries(Object.entries(recipe).filter(([name, value]) => value !== dimensions[name]?.[0]))
}

/** A recipe made from its unusual values. */
export function recipeOf(values: Recipe): Recipe {
  return { ...Object.fromEntries(Object.entries(dimensions).map(([name, all]) => [name, all[0] ?? ''])), ...values }
}

export interface Fault {
  readonly facets: string
  /** The fewest unusual values that reproduce it. */
  readonly least: Recipe
  /** How many failing recipes were reduced to it. */
  readonly times: number
  readonly differences: Compared['differences']
}

/** A recipe, and what differed when it was played. */
interface Found {
  readonly recipe: Recipe
  readonly differences: Compared['differences']
}

export interface Played {
  readonly calls: number
  readonly stamped: number
  readonly faults: readonly Fault[]
}

let calls = 0

/** Plays recipes on one fetch. */
export class Player {
  readonly #maker: Maker
  readonly #at: Omit<Places, 'id'>
  readonly #around: Around | undefined

  constructor(maker: Maker, at: Omit<Places, 'id'>, around?: Around) {
    this.#maker = maker
    this.#at = at
    this.#around = around
  }

  readonly compare = (recipe: Recipe): Promise<Compared | undefined> => {
    return compare(this.#maker, recipe, { ...this.#at, id: `c${String(calls++).padStart(6, '0')}` }, this.#around)
  }

  /** Plays `count` calls, some concurrently. A call that fails must fail again on its own. */
  async play(count: number, seed: number, atOnce = 16): Promise<Played> {
    const below = random(seed)
    const failed: Recipe[] = []
    let done = 0
    let stamped = 0
    let hung = 0
    const work = async (): Promise<void> => {
      while (done < count && hung < MAX_HUNG) {
        done++
        const recipe = draw(below, this.#maker.broken)
        const compared = await this.compare(recipe)
        // There is no call: its arguments cannot be made.
        if (compared === undefined) done--
        else if (compared.differences.length > 0) failed.push(recipe)
        if (compared?.hangs) hung++
        if (compared !== undefined && compared.stamped > 0) stamped++
      }
    }
    await Promise.all(Array.from({ length: atOnce }, work))
    return { calls: done, stamped, faults: await this.#faults(failed) }
  }

  async #faults(failed: readonly Recipe[]): Promise<Fault[]> {
    const faults = new Map<string, Fault>()
    for (const recipe of failed.slice(0, MAX_REDUCED)) {
      const again = await this.compare(recipe)
      const facets = facetsOf(again)
      if (again === undefined || facets === '') continue
      const found: Found = { recipe, differences: again.differences }
      // One hang is enough: waiting for more, or reducing it, would take too long.
      const { recipe: least, differences } = again.hangs ? found : await this.#reduced(found, facets)
      const name = JSON.stringify([facets, unusual(least)])
      const { times = 0 } = faults.get(name) ?? {}
      faults.set(name, { facets, least: unusual(least), times: times + 1, differences })
      if (again.hangs) break
    }
    return [...faults.values()]
  }

  // The same facets must differ, so that the reduction does not end at another fault.
  async #reduced(found: Found, facets: string): Promise<Found> {
    let least = found
    for (const dimension of Object.keys(unusual(found.recipe))) {
      const recipe = { ...least.recipe, [dimension]: dimensions[dimension]?.[0] ?? '' }
      const compared = await this.compare(recipe)
      if (compared !== undefined && facetsOf(compared) === facets) least = { recipe, differences: compared.differences }
    }
    return least
  }
}

function facetsOf(compared: Compared | undefined): string {
  return compared?.differences.map(({ facet }) => facet).join(', ') ?? ''
}
