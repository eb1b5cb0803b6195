// What the real SDKs are answered by replicas with a prefix cache: the usage in each API's words, and the right sum.

import Anthropic from '@anthropic-ai/sdk'
import { Session, withAffinity } from 'llm-affinity'
import { readUsage, type Usage } from 'llm-affinity/usage'
import { startReplica } from 'llm-affinity-testkit'
import OpenAI from 'openai'
import OpenAI6 from 'openai6'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'

const replica = await startReplica({ name: 'A', cacheTokens: 100_000 })
afterAll(() => replica.close())

const usages: Promise<Usage | undefined>[] = []
beforeEach(() => {
  usages.length = 0
})

function wrapped<Client extends object>(client: Client): Client {
  return withAffinity(client, {
    session: new Session('conversation-42'),
    onOutcome: (_outcome, response) => void (response && usages.push(readUsage(response))),
  })
}

const openai = wrapped(new OpenAI({ baseURL: replica.baseURL, apiKey: 'none' }))
const openai6 = wrapped(new OpenAI6({ baseURL: replica.baseURL, apiKey: 'none' }))
const anthropic = wrapped(new Anthropic({ baseURL: replica.origin, apiKey: 'none' }))
const model = 'test-model'

type Call = (prompt: string) => Promise<unknown>

async function all(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const events: unknown[] = []
  for await (const event of stream) events.push(event)
  return events
}

const user = (content: string) => [{ role: 'user' as const, content }]
const saying = { include_usage: true }
const ask = (prompt: string) => ({ model, max_tokens: 10, messages: user(prompt) })

const calls: Record<string, Call> = {
  'Chat Completions': (prompt) => openai.chat.completions.create({ model, messages: user(prompt) }),
  'Chat Completions, streamed': async (prompt) =>
    all(await openai.chat.completions.create({ model, messages: user(prompt), stream: true, stream_options: saying })),
  'Chat Completions, by a helper': (prompt) =>
    openai.chat.completions.stream({ model, messages: user(prompt), stream_options: saying }).finalChatCompletion(),
  'Chat Completions of openai 6': (prompt) => openai6.chat.completions.create({ model, messages: user(prompt) }),
  'Chat Completions of openai 6, streamed': async (prompt) =>
    all(await openai6.chat.completions.create({ model, messages: user(prompt), stream: true, stream_options: saying })),
  Responses: (prompt) => openai.responses.create({ model, input: prompt }),
  'Responses, streamed': async (prompt) => all(await openai.responses.create({ model, input: prompt, stream: true })),
  'Responses, by a helper': (prompt) => openai.responses.stream({ model, input: prompt }).finalResponse(),
  Messages: (prompt) => anthropic.messages.create(ask(prompt)),
  'Messages, streamed': async (prompt) => all(await anthropic.messages.create({ ...ask(prompt), stream: true })),
  'Messages, by a helper': (prompt) => anthropic.messages.stream(ask(prompt)).finalMessage(),
  'Chat Completions, as a raw answer': async (prompt) =>
    (await openai.chat.completions.create({ model, messages: user(prompt) }).asResponse()).text(),
  'Chat Completions, with the answer beside it': (prompt) =>
    openai.chat.completions.create({ model, messages: user(prompt) }).withResponse(),
}

describe.each(Object.entries(calls))('%s', (name, call) => {
  it('reports the whole prompt, and how much of it was cached', async () => {
    const history = Array.from({ length: 200 }, (_, i) => `${name.replaceAll(' ', '-')}-${i}`).join(' ')
    const seen: Usage[] = []
    for (const prompt of [history, `${history} and some more`]) {
      const before = replica.counters()
      await call(prompt)
      const after = replica.counters()
      const usage = await usages.at(-1)
      expect(usage).toEqual({
        promptTokens: after.promptTokens - before.promptTokens,
        cachedTokens: after.cachedTokens - before.cachedTokens,
      })
      if (usage !== undefined) seen.push(usage)
    }
    expect(seen).toMatchObject([
      { promptTokens: 200, cachedTokens: 0 },
      { promptTokens: 203, cachedTokens: expect.any(Number) },
    ])
    expect(seen[1]?.cachedTokens).toBeGreaterThan(150)
    expect(usages).toHaveLength(2)
  })
})

it('reports nothing for a stream whose caller did not ask for usage', async () => {
  await all(await openai.chat.completions.create({ model, messages: user('Hello'), stream: true }))
  expect(await usages[0]).toBeUndefined()
})

it('reports what a stream had reported when it is left early', async () => {
  for await (const _ of await anthropic.messages.create({ ...ask('One two three'), stream: true })) break
  expect(await usages[0]).toEqual({ promptTokens: 3, cachedTokens: 0 })
})
