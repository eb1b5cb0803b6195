import type { Outcome } from 'llm-affinity'
import type { Fleet } from './fleet.ts'
import type { Program } from './program.ts'
import { speakersTo } from './speakers.ts'
import { type Conversation, conversations, replicasOf } from './traffic.ts'

/** Conversations over wrapped clients. */
export interface Stamped {
  readonly all: readonly Conversation[]
  /** What was heard of the session of one of them, in order. */
  outcomesOf(conversation: Conversation): readonly Outcome[]
}

/** So many conversations with a program, over all ways to speak to it, in the words of its row. */
export function stamped(program: Program, { origin }: Fleet, count?: number): Stamped {
  const heard: Outcome[] = []
  const onOutcome = (outcome: Outcome): void => {
    heard.push(outcome)
  }
  return {
    all: conversations(speakersTo(origin, program.speaks, { gateway: program.gateway, onOutcome }), count),
    outcomesOf: ({ id }) => heard.filter(({ session }) => session.id === id),
  }
}

/** The same, over bare clients. */
export function unstamped({ speaks }: Pick<Program, 'speaks'>, { origin }: Fleet, count?: number): Conversation[] {
  return conversations(speakersTo(origin, speaks), count)
}

/** Of each conversation, the replicas that have answered it. */
export function placesOf(all: readonly Conversation[]): string[][] {
  return all.map(({ answers }) => replicasOf(answers))
}
