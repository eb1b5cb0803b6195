// Tests of significance. All draw from a seeded generator: the same calls give the same verdict.

import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { permutationTest, shuffle } from 'simple-statistics'

const SEED = 1
const PERMUTATIONS = 5000

/** A pair of consecutive turns of one conversation: whether the second one stayed. */
export interface Step {
  readonly conversation: number
  /** The turn of the second call. */
  readonly turn: number
  readonly stayed: boolean
}

/** The backend of each call, by conversation and turn. */
export type Placement = ReadonlyMap<number, ReadonlyMap<number, string>>

/** What chance alone would do to the steps of an arm. */
export interface Chance {
  /** The expected share of steps that stay, from 0 to 1, if backends were assigned without regard to the conversation. */
  readonly expected: number
  /** The probability that chance alone gives as many steps that stay as were observed. */
  readonly p: number
}

/**
 * Compares an arm with chance. Within each turn the backends are assigned to the conversations at random, many times: that
 * keeps how often each backend answered, and when, and only removes the connection with the conversation.
 *
 * @param from The first turn that counts as the beginning of a step.
 */
export function compareWithChance(placement: Placement, from = 1): Chance {
  const turns = new Map<number, { readonly conversations: number[]; readonly backends: string[] }>()
  for (const [conversation, calls] of placement) {
    for (const [turn, backend] of calls) {
      const column = turns.get(turn) ?? { conversations: [], backends: [] }
      column.conversations.push(conversation)
      column.backends.push(backend)
      turns.set(turn, column)
    }
  }
  const numbers = [...turns.keys()].filter((turn) => turn >= from).toSorted((a, b) => a - b)
  const countStays = (assign: (backends: readonly string[]) => readonly string[]): [stays: number, steps: number] => {
    let [stays, steps] = [0, 0]
    let before: ReadonlyMap<number, string> = new Map()
    let beforeTurn = 0
    for (const turn of numbers) {
      const { conversations = [], backends = [] } = turns.get(turn) ?? {}
      const assigned = assign(backends)
      const now = new Map(conversations.map((conversation, index) => [conversation, assigned[index] ?? '']))
      if (turn === beforeTurn + 1) {
        for (const [conversation, backend] of now) {
          const last = before.get(conversation)
          if (last === undefined) continue
          steps += 1
          if (last === backend) stays += 1
        }
      }
      before = now
      beforeTurn = turn
    }
    return [stays, steps]
  }
  const [observed, steps] = countStays((backends) => backends)
  if (steps === 0) return { expected: 1, p: 1 }
  const random = randomSource()
  let [total, asMany] = [0, 0]
  for (let count = 0; count < PERMUTATIONS; count++) {
    const [stays] = countStays((backends) => shuffle([...backends], random))
    total += stays
    if (stays >= observed) asMany += 1
  }
  return { expected: total / PERMUTATIONS / steps, p: (asMany + 1) / (PERMUTATIONS + 1) }
}

/**
 * The probability that chance alone makes the first sample as much higher than the second as it was observed. A value per
 * conversation: the turns of one conversation are not independent of each other.
 */
export function probabilityOfHigher(sample: readonly number[], other: readonly number[]): number {
  if (sample.length === 0 || other.length === 0) return 1
  const p = permutationTest([...sample], [...other], 'greater', PERMUTATIONS, randomSource())
  return (p * PERMUTATIONS + 1) / (PERMUTATIONS + 1)
}

function randomSource(): () => number {
  const generator = xoroshiro128plus(SEED)
  return () => uniformFloat64(generator)
}
