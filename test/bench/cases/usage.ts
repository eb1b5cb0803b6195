// Streams through the real SDK, read to their end, with and without usage read of them. A call is one event.

import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Session, withAffinity } from 'llm-affinity'
import { readUsage } from 'llm-affinity/usage'
import OpenAI from 'openai'
import { type Arm, type Experiment, inProcess } from '../pairs.ts'
import { ended, messageOf } from './shared.ts'

type Make = (client: OpenAI) => Arm

async function opened(client: OpenAI, events: number): Promise<AsyncIterator<unknown>> {
  const stream = await client.chat.completions.create({
    model: 'test-model',
    messages: [{ role: 'user', content: 'Hello?' }],
    stream: true,
    stream_options: { include_usage: true },
    max_completion_tokens: events,
  })
  return stream[Symbol.asyncIterator]()
}

/** Streams of 100,000 events, as fast as they come. Each round reads on where the last one has stopped. */
const long: Make = (client) => {
  let events: AsyncIterator<unknown> | undefined
  return inProcess(async (calls) => {
    for (let left = calls; left > 0; left--) {
      events ??= await opened(client, 100_000)
      const { done } = await events.next()
      if (done === true) events = undefined
    }
  })
}

/** A whole answer a round, from the request on. */
const answer: Make = (client) =>
  inProcess(async (calls) => {
    const events = await opened(client, calls)
    for (let result = await events.next(); !result.done; result = await events.next()) {}
  })

async function reading(name: string, path: string, make: Make): Promise<Experiment> {
  const server = fork(fileURLToPath(new URL('./usage-server.ts', import.meta.url)), { execArgv: [] })
  const { port } = (await messageOf(server)) as { port: number }
  const client = new OpenAI({ baseURL: `http://127.0.0.1:${port}${path}`, apiKey: 'test' })
  const session = new Session('conversation-42')
  const faults: unknown[] = []
  const reads = withAffinity(client, {
    session,
    onOutcome: async (_outcome, response) => {
      const usage = response && (await readUsage(response))
      if (usage?.promptTokens !== 1000 || usage.cachedTokens !== 900) faults.push(usage)
    },
  })
  const arms = {
    bare: make(client),
    'usage off': make(withAffinity(client, { session })),
    'usage on': make(reads),
    again: make(client),
  }
  return {
    arms,
    figures: [
      { name, of: 'bare', to: 'usage on' },
      { name: `${name}-off`, of: 'bare', to: 'usage off' },
      { name: `${name}-noise`, of: 'bare', to: 'again' },
    ],
    close: async () => {
      await ended(server)
      if (faults.length > 0) throw new Error(`Expected the usage of each stream, got ${JSON.stringify(faults)}`)
    },
  }
}

export const usageLong = (): Promise<Experiment> => reading('usage-100k', '/v1', long)
export const usageAnswer = (): Promise<Experiment> => reading('usage-answer', '/slow/v1', answer)
