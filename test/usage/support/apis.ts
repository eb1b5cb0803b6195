// The real SDKs, against a server that answers with one body.

import Anthropic from '@anthropic-ai/sdk'
import type { Usage } from 'llm-affinity/usage'
import OpenAI from 'openai'
import { expect } from 'vitest'
import { reading } from './read.ts'
import type { Body, BodyServer } from './server.ts'

type Call = (send: typeof fetch, origin: string) => Promise<unknown>

const user = [{ role: 'user' as const, content: 'Hello' }]
const model = 'test-model'
const openai = (send: typeof fetch, origin: string): OpenAI =>
  new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'none', maxRetries: 0, fetch: send, logLevel: 'off' })
const anthropic = (send: typeof fetch, origin: string): Anthropic =>
  new Anthropic({ baseURL: origin, apiKey: 'none', maxRetries: 0, fetch: send, logLevel: 'off' })

async function all(stream: AsyncIterable<unknown>): Promise<unknown> {
  const events: unknown[] = []
  try {
    for await (const event of stream) events.push(event)
  } catch (error) {
    events.push(String(error))
  }
  return events
}

const apis = {
  chat: (...to) => openai(...to).chat.completions.create({ model, messages: user }),
  'chat, streamed': async (...to) =>
    all(await openai(...to).chat.completions.create({ model, messages: user, stream: true })),
  responses: (...to) => openai(...to).responses.create({ model, input: 'Hello' }),
  'responses, streamed': async (...to) =>
    all(await openai(...to).responses.create({ model, input: 'Hello', stream: true })),
  messages: (...to) => anthropic(...to).messages.create({ model, max_tokens: 9, messages: user }),
  'messages, streamed': async (...to) =>
    all(await anthropic(...to).messages.create({ model, max_tokens: 9, messages: user, stream: true })),
} satisfies Record<string, Call>

/** A body, who reads it, and what it says. */
export type Case = readonly [name: string, api: keyof typeof apis, body: Body, usage: Usage | undefined]

/** What the SDK makes of a body is the same as without us, and the usage is what the case says. */
export async function check(server: BodyServer, [, api, body, expected]: Case): Promise<void> {
  server.body = body
  const { fetch: ours, usage } = reading()
  const results: unknown[] = []
  for (const send of [fetch, ours]) {
    const call = apis[api](send, server.origin)
    results.push(await call.then((result) => ({ result }), String))
  }
  expect(results[1]).toEqual(results[0])
  expect(await usage()).toEqual(expected)
}
