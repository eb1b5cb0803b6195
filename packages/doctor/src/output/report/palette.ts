import type { BackendIdentifier } from '../../analysis/backend-identifier.js'
import { inOrder } from '../../analysis/figures.js'
import { lineages } from '../../analysis/lineage.js'
import type { Call } from '../../client/calls.js'
import { ARMS } from '../../client/calls.js'
import { shortenNames } from '../../util/format.js'

/** How the page shows who answered. */
export interface Faces {
  /** Of all backends, in order. Empty where nobody names them. */
  readonly names: readonly string[]
  of(call: Call): Face | undefined
}

export interface Face {
  /** What stands in the cell. */
  readonly label: string
  /** Which of the page's colours, counted from 0. */
  readonly color: number
}

/** How many colours the page has, before they come again. */
export const COLORS = 8

/** By the backends' names; where nobody says them, by the lineages of each conversation. */
export function facesOf(calls: readonly Call[], sight: BackendIdentifier | undefined): Faces {
  if (sight === undefined) return byLineage(calls)
  const found = calls.flatMap(({ answer }) => (answer.fault === undefined ? (sight.backendOf(answer) ?? []) : []))
  const names = [...new Set(found)].toSorted((a, b) => a.localeCompare(b))
  const short = shortenNames(names)
  return {
    names,
    of: ({ answer }) => {
      const name = sight.backendOf(answer)
      return name === undefined ? undefined : { label: short.get(name) ?? name, color: names.indexOf(name) % COLORS }
    },
  }
}

function byLineage(calls: readonly Call[]): Faces {
  const faces = new Map<Call, Face>()
  for (const arm of ARMS) {
    const talks = Map.groupBy(
      calls.filter((call) => call.arm === arm),
      ({ conversation }) => conversation,
    )
    for (const talk of talks.values()) {
      for (const { call, lineage } of lineages(inOrder(talk))) {
        faces.set(call, { label: `cache ${lineage}`, color: (lineage - 1) % COLORS })
      }
    }
  }
  // Where no cache is seen, each turn would be a cache of its own.
  const isTold = calls.some(({ answer }) => (answer.cachedTokens ?? 0) > 0)
  return { names: [], of: (call) => (isTold ? faces.get(call) : undefined) }
}
