import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Session } from 'llm-affinity'
import { type Arm, inProcess } from '../pairs.ts'

/** A conversation as each arm needs it: made before the clock starts, since it lives for many calls. */
export interface Conversation {
  readonly id: string
  readonly session: Session
}

const CONVERSATIONS = 256

export const conversations: readonly Conversation[] = Array.from({ length: CONVERSATIONS }, (_, i) => {
  const id = `5f0c24ac-51e8-4c0a-9d0e-${String(i).padStart(12, '0')}`
  return { id, session: new Session(id) }
})

/** What a user writes by hand to reach the same gateways as we do. */
export type ByHand = { readonly 'x-session-id': string; readonly 'x-litellm-session-id': string }

export function handWritten(id: string): ByHand {
  return { 'x-session-id': id, 'x-litellm-session-id': id }
}

function conversationAt(call: number): Conversation {
  const conversation = conversations[call % CONVERSATIONS]
  if (conversation === undefined) throw new Error('no conversations')
  return conversation
}

type Call = (conversation: Conversation, number: number) => Promise<unknown>

/** One call after the other. */
export function oneByOne(call: Call): Arm {
  return inProcess(async (calls) => {
    for (let i = 0; i < calls; i++) await call(conversationAt(i), i)
  })
}

/** As a busy server makes them, so that sockets are written and read in batches as they are there. */
export function inFlight(call: Call, width = 16): Arm {
  return inProcess((calls) => {
    let next = 0
    const lane = async (): Promise<void> => {
      for (let i = next++; i < calls; i = next++) await call(conversationAt(i), i)
    }
    return Promise.all(Array.from({ length: width }, lane))
  })
}

export interface Server {
  readonly origin: string
  /** The headers of the last request. */
  seen(): Promise<Headers>
  close(): Promise<void>
}

export async function startServer(): Promise<Server> {
  const child = fork(fileURLToPath(new URL('../server.ts', import.meta.url)), { execArgv: [] })
  const { port } = (await messageOf(child)) as { port: number }
  return {
    origin: `http://127.0.0.1:${port}`,
    seen: async () => {
      child.send('seen')
      return new Headers((await messageOf(child)) as Record<string, string>)
    },
    close: () => ended(child),
  }
}

/** For a child that ends when nobody is left to talk to. */
export async function ended(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.disconnect()
  await gone
}

export async function messageOf(child: ChildProcess): Promise<unknown> {
  const [message] = await once(child, 'message')
  return message
}

/** Where the id of a conversation is to be found on the wire. */
type Sent = '' | 'key' | 'baggage'

/**
 * Makes one call with each arm and looks at what arrived: a benchmark of calls that do not do what their name says would
 * be worse than none.
 */
export async function checkArms<Name extends string>(
  arms: Readonly<Record<Name, Arm>>,
  sent: Readonly<Record<Name, Sent>>,
  seen: () => Promise<Headers> | Headers,
): Promise<void> {
  const { id } = conversationAt(0)
  for (const name of Object.keys(arms) as Name[]) {
    await arms[name].time(1)
    const headers = await seen()
    const isKey = Object.keys(handWritten(id)).every((header) => headers.get(header) === id)
    const got = isKey ? 'key' : headers.get('baggage') === `session.id=${id}` ? 'baggage' : ''
    if (got !== sent[name]) throw new Error(`Expected "${sent[name]}" on the wire of "${name}", got "${got}"`)
  }
}
