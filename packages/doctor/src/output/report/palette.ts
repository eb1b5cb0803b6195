import type { BackendIdentifier } from '../../analysis/backend-identifier.js'
import { type CacheReading, isVisible } from '../../analysis/cache-steps.js'
import type { Call } from '../../client/calls.js'
import { shortenNames } from '../../util/format.js'

/** What the cache that answered could have had: the turn before, an older one, or nothing of the conversation. */
export type CacheState = 'hit' | 'partly' | 'missed'

/** How the page shows the calls. */
export interface Labels {
  /** The names of all backends, in order. Empty where no answer names its backend. */
  readonly names: readonly string[]
  /** Whether any cell has something to show. */
  readonly isEmpty: boolean
  backendOf(call: Call): { readonly text: string; readonly color: number } | undefined
  /** Undefined for a first turn, and where caches are not visible. */
  cacheOf(call: Call): CacheState | undefined
}

/** The number of colours of the page, after which they repeat. */
export const COLORS = 8

/** Labels by the names of backends and by what the caches had seen. */
export function labelsOf(
  calls: readonly Call[],
  identifier: BackendIdentifier | undefined,
  caches: CacheReading,
): Labels {
  const found = calls.flatMap(({ answer }) => (answer.fault === undefined ? (identifier?.backendOf(answer) ?? []) : []))
  const names = [...new Set(found)].toSorted((a, b) => a.localeCompare(b))
  const short = shortenNames(names)
  const { steps } = caches
  const states = new Map(
    (isVisible(caches) ? steps : []).map(({ call, found: isFound, foundAny, isClear }): [Call, CacheState] => [
      call,
      isFound || (!isClear && foundAny) ? 'hit' : foundAny ? 'partly' : 'missed',
    ]),
  )
  return {
    names,
    isEmpty: names.length === 0 && states.size === 0,
    backendOf: ({ answer }) => {
      const name = identifier?.backendOf(answer)
      return name === undefined ? undefined : { text: short.get(name) ?? name, color: names.indexOf(name) % COLORS }
    },
    cacheOf: (call) => states.get(call),
  }
}
