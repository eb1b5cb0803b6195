import type { BackendIdentifier } from '../../analysis/backend-identifier.js'
import { conversationsOf } from '../../analysis/conversations.js'
import { lineages } from '../../analysis/lineage.js'
import type { Call } from '../../client/calls.js'
import { shortenNames } from '../../util/format.js'

/** How the page shows which backend, or which cache, answered. */
export interface Labels {
  /** The names of all backends, in order. Empty where no answer names its backend. */
  readonly names: readonly string[]
  of(call: Call): Label | undefined
}

export interface Label {
  /** The text of the cell. */
  readonly text: string
  /** The number of its colour, counted from 0. */
  readonly color: number
}

/** The number of colours of the page, after which they repeat. */
export const COLORS = 8

/** Labels by the names of backends; without names, by the lineages of each conversation. */
export function labelsOf(calls: readonly Call[], identifier: BackendIdentifier | undefined): Labels {
  if (identifier === undefined) return byLineage(calls)
  const found = calls.flatMap(({ answer }) => (answer.fault === undefined ? (identifier.backendOf(answer) ?? []) : []))
  const names = [...new Set(found)].toSorted((a, b) => a.localeCompare(b))
  const short = shortenNames(names)
  return {
    names,
    of: ({ answer }) => {
      const name = identifier.backendOf(answer)
      return name === undefined ? undefined : { text: short.get(name) ?? name, color: names.indexOf(name) % COLORS }
    },
  }
}

function byLineage(calls: readonly Call[]): Labels {
  const labels = new Map<Call, Label>()
  for (const turns of conversationsOf(calls)) {
    for (const { call, lineage } of lineages(turns)) {
      labels.set(call, { text: `cache ${lineage}`, color: (lineage - 1) % COLORS })
    }
  }
  // Where nothing was found in a cache, each turn would have a cache of its own.
  const isVisible = calls.some(({ answer }) => (answer.cachedTokens ?? 0) > 0)
  return { names: [], of: (call) => (isVisible ? labels.get(call) : undefined) }
}
