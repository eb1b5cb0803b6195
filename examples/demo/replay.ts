import type OpenAI from 'openai'
import pLimit from 'p-limit'
import type { Arm } from './arms.ts'
import { type Call, call } from './call.ts'
import type { Item } from './trace.ts'

/** Enough to keep one process busy; more would only loosen the order between sessions. */
const atOnce = 8

/**
 * Sends the requests as fast as they are answered, without the pauses of the trace. The order within a session is kept:
 * each waits for the one before it. Between sessions it is kept but for the few that are under way at once.
 */
export async function replay(
  arm: Arm,
  client: OpenAI,
  items: readonly Item[],
  onCall: (done: Call) => void,
): Promise<Call[]> {
  const limit = pLimit(atOnce)
  const last = new Map<string, Promise<Call>>()

  function send({ origin, model, lane, prompt }: Item): Promise<Call> {
    const ask = () => call(client, { model, messages: [{ role: 'user', content: prompt() }] }, origin)
    const { conversation } = origin
    return lane === undefined ? arm.main(conversation, ask) : arm.lane(conversation, lane, ask)
  }

  return Promise.all(
    items.map((item) => {
      const { conversation } = item.origin
      const before = last.get(conversation)
      const done = limit(async () => {
        await before
        const result = await send(item)
        onCall(result)
        return result
      })
      last.set(conversation, done)
      return done
    }),
  )
}
