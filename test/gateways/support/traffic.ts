import { randomUUID } from 'node:crypto'
import { runWithoutSession, runWithSession } from 'llm-affinity'
import type { Message, Speaker } from './speakers.ts'

/** What came back for one call, and who had answered it. */
export interface Answer {
  /** The `x-replica` of the replica behind the gateway. */
  readonly replica: string
  readonly headers: Headers
}

/** A conversation in a session of its own, that goes on for as long as a test wants. */
export interface Conversation {
  readonly id: string
  readonly speaker: Speaker
  /** Of its turns so far, in order. */
  readonly answers: readonly Answer[]
  /** The next turn: all that was said before, and one question more. */
  turn(): Promise<Answer>
  /** A call beside it, such as for a title: in its scope, and outside of its session. */
  sideCall(): Promise<Answer>
}

export interface ConversationOptions {
  /** @default a random UUID */
  readonly id?: string
  /** Reads who answered. @default the `x-replica` header */
  readonly replicaIn?: (headers: Headers) => string | null
}

/** Begins a conversation; nothing is sent yet. */
export function conversation(speaker: Speaker, options: ConversationOptions = {}): Conversation {
  const { id = randomUUID(), replicaIn = (headers) => headers.get('x-replica') } = options
  const history: Message[] = []
  const answers: Answer[] = []
  const say = async (messages: readonly Message[]): Promise<Answer & { readonly text: string }> => {
    const reply = await speaker.say(messages)
    const replica = replicaIn(reply.headers)
    if (replica === null) throw new Error(`${speaker.name}: the answer does not say which replica it is from`)
    if (reply.text === '') throw new Error(`${speaker.name}: ${replica} answered nothing`)
    return { ...reply, replica }
  }
  return {
    id,
    speaker,
    answers,
    turn: () =>
      runWithSession(id, async () => {
        history.push({
          role: 'user',
          content: `This is question ${history.length} of ${id} and a few words are enough`,
        })
        const answer = await say(history)
        history.push({ role: 'assistant', content: answer.text })
        answers.push(answer)
        return answer
      }),
    sideCall: () =>
      runWithSession(id, () =>
        runWithoutSession(() => say([{ role: 'user', content: 'A title for all this in at most five words please' }])),
      ),
  }
}

/** So many conversations, each over one of the speakers in turn. */
export function conversations(
  speakers: readonly Speaker[],
  count = 20,
  options: Omit<ConversationOptions, 'id'> = {},
): Conversation[] {
  return Array.from({ length: count }, (_, at) => {
    const speaker = speakers[at % speakers.length]
    if (speaker === undefined) throw new Error('no speakers')
    return conversation(speaker, options)
  })
}

/** All of them take so many turns, at the same time; the turns of one follow each other. */
export async function talk(all: readonly Conversation[], turns: number): Promise<void> {
  await Promise.all(
    all.map(async (each) => {
      for (let turn = 0; turn < turns; turn++) await each.turn()
    }),
  )
}

/** Who gave these answers: each once, in the order of their first. */
export function replicasOf(answers: readonly Answer[]): string[] {
  return [...new Set(answers.map(({ replica }) => replica))]
}
