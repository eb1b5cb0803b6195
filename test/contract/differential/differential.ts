// The tests that play generated calls. A failure prints each distinct fault once, as the fewest unusual values that
// reproduce it. CASE='{"route":"same"}' plays only that case, and SEED selects other calls.

import { describe, expect, it } from 'vitest'
import type { Recipe } from './arguments.ts'
import type { Around, Difference } from './compare.ts'
import { type Maker, makers } from './makers.ts'
import { startServers } from './servers.ts'
import { type Fault, Player, recipeOf } from './suite.ts'

const { CASE, SEED = '42' } = process.env

interface Options {
  readonly calls: number
  /** Default: the maker of this name. */
  readonly maker?: Maker
  /** Whether to call the servers by host names, which the test's dispatcher resolves. */
  readonly names?: boolean
  readonly around?: Around
  /** What distinguishes these calls. */
  readonly title?: string
  readonly atOnce?: number
  /** The minimum share of calls that must be stamped: a call that is not stamped tests little. */
  readonly stamped?: number
}

const servers = await startServers()
const named = (origin: string, name: string): string => origin.replace('127.0.0.1', name)
const byName = { home: named(servers.home, 'gateway.test'), foreign: named(servers.foreign, 'foreign.test') }

export function player(name: string, { names, around, maker = makers[name] }: Omit<Options, 'calls'> = {}): Player {
  if (maker === undefined) throw new Error(`a fetch called ${name}`)
  return new Player(maker, names ? byName : servers, around)
}

/** Tests one fetch. */
export function differential(name: string, options: Options): void {
  const { calls, atOnce, stamped = 1 / 3, title = options.names ? 'by host names' : undefined } = options
  describe(`affinityFetch over ${name}${title ? `, ${title}` : ''}`, () => {
    it.skipIf(CASE !== undefined)(
      `does not differ from the bare fetch in ${calls} generated calls`,
      { timeout: 300_000 },
      async () => {
        const played = await player(name, options).play(calls, Number(SEED), atOnce)
        expect(printed(played.faults)).toBe('')
        expect(played.calls).toBe(calls)
        if (!makers[name]?.isInMemory) expect(played.stamped).toBeGreaterThan(calls * stamped)
      },
    )

    if (CASE === undefined) return
    it(`does not differ from the bare fetch in ${CASE}`, async () => {
      const recipe: Recipe = JSON.parse(CASE)
      const { differences } = (await player(name, options).compare(recipeOf(recipe))) ?? {}
      expect(differences).toEqual([])
    })
  })
}

function printed(faults: readonly Fault[]): string {
  return faults
    .map(({ times, least, differences }) => `${times} × ${JSON.stringify(least)}\n${shown(differences)}`)
    .join('\n')
}

const MAX_SHOWN = 900

function shown(differences: readonly Difference[]): string {
  const short = (value: unknown): string => String(JSON.stringify(value)).slice(0, MAX_SHOWN)
  return differences
    .map(({ facet, bare, ours }) => `  ${facet}\n    bare ${short(bare)}\n    ours ${short(ours)}\n`)
    .join('')
}
