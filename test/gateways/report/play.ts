import { randomUUID } from 'node:crypto'
import { runWithoutSession, runWithSession } from 'llm-affinity'
import type { Message, Speaker } from '../support/speakers.ts'
import { markOf } from './ledger.ts'

/** How much is said. */
export interface Traffic {
  readonly conversations: number
  readonly turns: number
}

/** Of each conversation, one after each of its first turns: a title, a summary. */
const SIDECARS = 2

/** How many calls `play` makes. */
export function callsOf({ conversations, turns }: Traffic): number {
  return conversations * (turns + Math.min(turns, SIDECARS))
}

/**
 * Has all conversations at the same time, each in a session of its own; its turns follow each other, and its side calls go
 * beside them. A call that fails ends its conversation. Gives what went wrong, in order.
 *
 * @param apis Each conversation speaks one of these, its turns by the API's ways in turn: plain, streamed.
 * @param onCall Hears of every call that has ended.
 */
export async function play(
  apis: readonly (readonly Speaker[])[],
  { conversations, turns }: Traffic,
  onCall: () => void,
): Promise<readonly string[]> {
  const errors: string[] = []

  async function say(speaker: Speaker, messages: readonly Message[]): Promise<string | undefined> {
    try {
      const { text } = await speaker.say(messages)
      if (text !== '') return text
      errors.push(`${speaker.name}: an answer without text`)
    } catch (error) {
      errors.push(`${speaker.name}: ${String(error)}`)
    } finally {
      onCall()
    }
    return undefined
  }

  async function converse(number: number, id: string): Promise<void> {
    const ways = apis[number % apis.length] ?? []
    const speaker = (turn: number): Speaker => ways[(number + turn) % ways.length] ?? never()
    const history: Message[] = []
    const beside: Promise<unknown>[] = []
    for (let turn = 1; turn <= turns; turn++) {
      const begin = turn === 1 ? `${prose(600 + 60 * (number % 10))} ` : ''
      const mark = markOf({ conversation: id, kind: 'main', turn })
      history.push({ role: 'user', content: `${mark} ${begin}${prose(40 + 20 * (turn % 4))}` })
      const answer = await say(speaker(turn), history)
      if (answer === undefined) break
      history.push({ role: 'assistant', content: answer })
      if (turn > SIDECARS) continue
      const content = `${markOf({ conversation: id, kind: 'side', turn })} A title for what begins like this: ${prose(80)}`
      beside.push(runWithoutSession(() => say(speaker(turn + 1), [{ role: 'user', content }])))
    }
    await Promise.all(beside)
  }

  const ids = Array.from({ length: conversations }, () => randomUUID())
  await Promise.all(ids.map((id, number) => runWithSession(id, () => converse(number, id))))
  return errors
}

// The same words for all: the mark before them makes all that follows another conversation's, for a cache of prefixes.
function prose(words: number): string {
  return Array.from({ length: words }, (_, at) => `word${at}`).join(' ')
}

function never(): never {
  throw new Error('no speakers')
}
