import { setTimeout as sleep } from 'node:timers/promises'
import { shuffle } from 'simple-statistics'
import type { Arm, Call } from '../client/calls.js'
import type { ChatClient } from '../client/chat-client.js'
import type { TokenBudget } from '../client/token-budget.js'
import { type Length, startConversation } from './conversation.js'

/** Conversations to play in one arm. */
export interface ArmPlan {
  readonly arm: Arm
  readonly conversations: number
  /** Returns the client of each turn of one conversation. */
  readonly connect: () => () => ChatClient
}

export interface Schedule {
  readonly turns: number
  readonly length: Length
  /** Milliseconds to wait between turns, so that caches have stored the turn before. */
  readonly pauseMs: number
  /** Milliseconds to wait before these turns instead. */
  readonly longPauses?: ReadonlyMap<number, number>
  /** The number of the first conversation. @default 1 */
  readonly firstConversation?: number
}

/**
 * Plays the conversations of all arms at the same time, turn by turn, in a random order within each turn. So a gateway that
 * goes round robin does not fall in step with the conversations, and all arms see the same load.
 */
export async function playArms(
  budget: TokenBudget,
  end: AbortSignal,
  { turns, length, pauseMs, longPauses, firstConversation = 1 }: Schedule,
  arms: readonly ArmPlan[],
  onCall: (call: Call) => void = () => {},
): Promise<readonly Call[]> {
  const calls: Call[] = []
  const all = arms.flatMap(({ arm, conversations, connect }) =>
    Array.from({ length: conversations }, (_, index) => ({
      arm,
      conversation: firstConversation + index,
      talk: startConversation(budget, length, connect()),
    })),
  )
  for (let turn = 1; turn <= turns && !end.aborted; turn++) {
    const waitMs = Math.max(pauseMs, longPauses?.get(turn) ?? 0)
    if (turn > 1 && waitMs > 0) await sleep(waitMs, undefined, { signal: end }).catch(() => {})
    await Promise.all(
      shuffle(all).map(async ({ arm, conversation, talk }) => {
        const answer = end.aborted ? undefined : await talk.turn()
        // A call that the doctor has aborted proves nothing about the gateway.
        if (answer === undefined || answer.fault?.kind === 'aborted') return
        const call: Call = { arm, conversation, turn, answer }
        calls.push(call)
        onCall(call)
      }),
    )
  }
  return calls
}

/** The same client at every turn. */
export function always(client: ChatClient): () => ChatClient {
  return () => client
}
