import { randomInt } from 'node:crypto'
import pLimit from 'p-limit'
import { ARMS, type Call } from '../client/calls.js'
import { type ChatClient, type Connection, connectClient, type GatewayChoice } from '../client/chat-client.js'
import type { TokenBudget } from '../client/token-budget.js'
import { startConversation } from './conversation.js'
import type { Plan } from './plan.js'

/** Calls at the same time: interleaved as a service's are, and not a load test. */
const AT_ONCE = 4

/**
 * Has the conversations of both arms. Turn by turn, and in each turn in an order of chance: a gateway that goes in turn
 * must not fall in step with us, and what weighs on it weighs on both arms alike.
 */
export async function runArms(
  place: Connection,
  purse: TokenBudget,
  { conversations, turns, length }: Plan,
  stamping: GatewayChoice,
  callerWithout: (place: Connection) => ChatClient,
  onCall: (call: Call) => void,
): Promise<readonly Call[]> {
  const calls: Call[] = []
  const all = ARMS.flatMap((arm) =>
    Array.from({ length: conversations }, (_, at) => ({
      arm,
      conversation: at + 1,
      talk: startConversation(
        purse,
        length,
        arm === 'affinity' ? always(connectClient(place, stamping)) : () => callerWithout(place),
      ),
    })),
  )
  const limit = pLimit(AT_ONCE)
  for (let turn = 1; turn <= turns && !place.signal.aborted; turn++) {
    await Promise.all(
      shuffled(all).map((each) =>
        limit(async () => {
          const { arm, conversation, talk } = each
          const answer = place.signal.aborted ? undefined : await talk.turn()
          // What was ended by us says nothing of the gateway.
          if (answer === undefined || answer.fault?.kind === 'aborted') return
          const call: Call = { arm, conversation, turn, answer }
          calls.push(call)
          onCall(call)
        }),
      ),
    )
  }
  return calls
}

/** The same one, every time. */
export function always(caller: ChatClient): () => ChatClient {
  return () => caller
}

export function shuffled<Item>(items: readonly Item[]): Item[] {
  const mixed = [...items]
  for (let at = mixed.length - 1; at > 0; at--) {
    const other = randomInt(at + 1)
    ;[mixed[at], mixed[other]] = [mixed[other] as Item, mixed[at] as Item]
  }
  return mixed
}
