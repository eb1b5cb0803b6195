// Has many sessions talk through a real balancer while one of three backends fails, and counts what became of them.

import { runWithSession, withAffinity } from 'llm-affinity'
import { LearnedState, type LearnedStateOptions, type RepinOptions } from 'llm-affinity/learned'
import OpenAI from 'openai'
import type { Program } from '../gateways/support/program.ts'
import { type Fault, failingBackends } from './backends.ts'

export interface SetUp {
  readonly title: string
  readonly program: Program
  readonly edit: (config: string) => string
  /** What is learned, beside `repin`. */
  readonly learn: LearnedStateOptions
}

/** What became of the sessions of one arm. */
export interface Found {
  /** Sessions that were on the backend that failed. */
  readonly touched: number
  /** Their calls that failed after all attempts of the SDK. */
  readonly lost: number
  /** Calls of other sessions that failed. */
  readonly othersLost: number
  /** Touched sessions whose attempt after the first failed one was answered by another backend. */
  readonly byNextAttempt: number
  /** Touched sessions whose next turn was answered by another backend. */
  readonly byNextTurn: number
  /** Other sessions that were answered by another backend than before. */
  readonly othersMoved: number
}

export interface Size {
  readonly sessions: number
  readonly atOnce: number
}

const STALL_MS = 2000
const messages = [{ role: 'user' as const, content: 'Hello' }]

/** The policies that the table shows: time is only a failure where the backend stalls. */
const repinFor = (fault: Fault): RepinOptions =>
  fault === 'stalls' ? { after: 1, stallMs: STALL_MS, abortOnStall: true } : { after: 1 }

/** Whether an attempt was served, and by whom. */
interface Attempt {
  readonly replica: string | null
  isServed: boolean
}

export async function failover(
  { program, edit, learn }: SetUp,
  fault: Fault,
  withRepin: boolean,
  { sessions, atOnce }: Size,
  step: () => void = () => {},
): Promise<Found> {
  await using servers = await failingBackends()
  await using gateway = await program.start(servers.backends, { edit })
  let attempts = new Map<string, Attempt[]>()
  const bare: typeof fetch = async (input, init) => {
    const id = new Headers(init?.headers).get('x-test-id') ?? ''
    const attempt: Attempt = { replica: null, isServed: false }
    const list = attempts.get(id) ?? []
    attempts.set(id, [...list, attempt])
    const response = await fetch(input, init)
    Object.assign(attempt, { replica: response.headers.get('x-replica'), isServed: response.ok })
    return response
  }
  const learned = new LearnedState({ ...learn, ...(withRepin && { repin: repinFor(fault) }) })
  const client = withAffinity(
    // The first data of a good answer come at once.
    new OpenAI({ baseURL: `${gateway.origin}/v1`, apiKey: 'none', fetch: bare, timeout: 3 * STALL_MS }),
    { use: learned },
  )
  const ids = Array.from({ length: sessions }, (_, at) => `conversation-${at}`)

  /** One turn of every session. Gives, for each, the replica that served it; null if the call was lost. */
  async function turn(): Promise<(string | null)[]> {
    attempts = new Map()
    const served: (string | null)[] = []
    let next = 0
    const worker = async (): Promise<void> => {
      for (let at = next++; at < ids.length; at = next++) {
        served[at] = await runWithSession(ids[at] ?? '', () => call(client, ids[at] ?? ''))
        step()
      }
    }
    await Promise.all(Array.from({ length: atOnce }, worker))
    return served
  }

  /** A call as a chat server makes it: streamed, and made once more by the user if the stream broke. */
  async function call(by: OpenAI, id: string): Promise<string | null> {
    for (let tries = 0; tries < 3; tries++) {
      try {
        const headers = { 'x-test-id': id }
        const body = { model: 'test-model', messages, stream: true as const }
        const { data, response } = await by.chat.completions.create(body, { headers }).withResponse()
        const watchdog = setTimeout(() => data.controller.abort(), 3 * STALL_MS)
        let isDone = false
        try {
          for await (const _ of data) isDone = true
        } finally {
          clearTimeout(watchdog)
        }
        if (isDone && !data.controller.signal.aborted) return response.headers.get('x-replica')
        markFailed(id)
      } catch (error) {
        markFailed(id)
        // The SDK has made its attempts, and gives up.
        if (error instanceof OpenAI.APIError && error.status !== undefined) return null
      }
    }
    return null
  }

  function markFailed(id: string): void {
    const last = attempts.get(id)?.at(-1)
    if (last !== undefined) last.isServed = false
  }

  const before = await turn()
  await servers.set(fault)
  const during = await turn()
  const made = attempts
  const after = await turn()
  const isTouched = (at: number): boolean => before[at] === 'A'
  const all = ids.map((_, at) => at)
  const touched = all.filter(isTouched)
  const others = all.filter((at) => !isTouched(at))
  const byNext = touched.filter((at) => {
    const [first, second] = made.get(ids[at] ?? '') ?? []
    return first?.isServed || second?.isServed
  })
  return {
    touched: touched.length,
    lost: touched.filter((at) => during[at] === null).length,
    othersLost: others.filter((at) => during[at] === null || after[at] === null).length,
    byNextAttempt: byNext.length,
    byNextTurn: touched.filter((at) => (after[at] ?? 'A') !== 'A').length,
    othersMoved: others.filter((at) => [during[at], after[at]].some((place) => place !== null && place !== before[at]))
      .length,
  }
}
