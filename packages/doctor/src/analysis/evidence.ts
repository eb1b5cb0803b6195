import type { Arm, Call } from '../client/calls.js'
import type { BackendIdentifier } from './backend-identifier.js'
import type { CacheReading } from './cache-steps.js'
import { conversationsOf } from './conversations.js'
import { type Chance, compareWithChance, type Placement, probabilityOfHigher, type Step } from './significance.js'

/** `count` of `total`. */
export interface Share {
  readonly count: number
  readonly total: number
}

/** How the conversations of one arm went from turn to turn. */
export interface ArmEvidence {
  /** The later turns that stayed with the backend, or the cache, of the turn before. */
  readonly stayed: Share
  /** The same from the second turn on: some gateways pin only once the history has an answer. */
  readonly settled: Share
  /** Comparison with chance. Absent for caches: they do not show which backend answered. */
  readonly chance?: Chance
  readonly settledChance?: Chance
  /** The number of backends, and the share of calls that the most frequent one answered. Absent for caches. */
  readonly backends?: number
  readonly largestShare?: number
  /** The turns that did not stay. */
  readonly moves: readonly Step[]
}

/** Both arms by one kind of evidence, and the comparison between them. */
export interface Evidence {
  readonly by: 'backend' | 'cache'
  readonly affinity: ArmEvidence
  readonly control: ArmEvidence
  /** The probability that chance alone makes the arm with the key stay as much more often than the other one. */
  readonly pHigher: number
  /** The same from the second turn on. */
  readonly pSettledHigher: number
}

/** Fewer later turns than these, in either arm, are not enough. */
const MIN_STEPS = 4

/** Evidence by the names of backends. Undefined where an arm has too few turns. */
export function evidenceByName(calls: readonly Call[], identifier: BackendIdentifier): Evidence | undefined {
  const armOf = (arm: Arm): ArmInput => {
    const own = conversationsOf(calls.filter((call) => call.arm === arm))
    const placement: Placement = new Map(
      own.map((turns) => [
        turns[0]?.conversation ?? 0,
        new Map(
          turns.flatMap(({ turn, answer }) => {
            const backend = identifier.backendOf(answer)
            return backend === undefined ? [] : [[turn, backend] as const]
          }),
        ),
      ]),
    )
    const steps = [...placement].flatMap(([conversation, turns]) =>
      [...turns].flatMap(([turn, backend]): Step[] => {
        const before = turns.get(turn - 1)
        return before === undefined ? [] : [{ conversation, turn, stayed: before === backend }]
      }),
    )
    return { steps, placement }
  }
  return compare('backend', armOf('affinity'), armOf('control'))
}

/** Evidence by what the caches had seen. Undefined where they prove nothing. */
export function evidenceByCache({ steps, problem }: CacheReading): Evidence | undefined {
  if (problem !== undefined) return undefined
  const armOf = (arm: Arm): ArmInput => ({
    steps: steps
      .filter(({ call }) => call.arm === arm)
      .map(({ call: { conversation, turn }, found }) => ({ conversation, turn, stayed: found })),
  })
  return compare('cache', armOf('affinity'), armOf('control'))
}

interface ArmInput {
  readonly steps: readonly Step[]
  readonly placement?: Placement
}

function compare(by: Evidence['by'], affinity: ArmInput, control: ArmInput): Evidence | undefined {
  if (Math.min(affinity.steps.length, control.steps.length) < MIN_STEPS) return undefined
  const settled = ({ steps }: ArmInput): readonly Step[] => steps.filter(({ turn }) => turn > 2)
  return {
    by,
    affinity: armEvidence(affinity, settled(affinity)),
    control: armEvidence(control, settled(control)),
    pHigher: probabilityOfHigher(byConversation(affinity.steps), byConversation(control.steps)),
    pSettledHigher: probabilityOfHigher(byConversation(settled(affinity)), byConversation(settled(control))),
  }
}

function armEvidence({ steps, placement }: ArmInput, settled: readonly Step[]): ArmEvidence {
  const evidence = { stayed: shareOf(steps), settled: shareOf(settled), moves: steps.filter(({ stayed }) => !stayed) }
  if (placement === undefined) return evidence
  const backends = [...placement.values()].flatMap((turns) => [...turns.values()])
  const counts = [...Map.groupBy(backends, (name) => name).values()].map(({ length }) => length)
  return {
    ...evidence,
    chance: compareWithChance(placement),
    settledChance: compareWithChance(placement, 2),
    backends: counts.length,
    largestShare: Math.max(...counts) / backends.length,
  }
}

function shareOf(steps: readonly Step[]): Share {
  return { count: steps.filter(({ stayed }) => stayed).length, total: steps.length }
}

function byConversation(steps: readonly Step[]): number[] {
  return [...Map.groupBy(steps, ({ conversation }) => conversation).values()].map(
    (own) => own.filter(({ stayed }) => stayed).length / own.length,
  )
}
