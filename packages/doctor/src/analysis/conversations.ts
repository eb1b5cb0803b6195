import type { Call } from '../client/calls.js'

/** The answered calls of each conversation of each arm, in the order of their turns. */
export function conversationsOf(calls: readonly Call[]): readonly (readonly Call[])[] {
  const answered = calls.filter(({ answer }) => answer.fault === undefined)
  const grouped = Map.groupBy(answered, ({ arm, conversation }) => `${arm} ${conversation}`)
  return [...grouped.values()].map((all) => all.toSorted((a, b) => a.turn - b.turn))
}
