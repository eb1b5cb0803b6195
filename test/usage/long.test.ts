// A stream of 100,000 events, as it is measured in test/bench/cases/usage.ts.

import { createHash } from 'node:crypto'
import OpenAI from 'openai'
import { expect, it } from 'vitest'
import { CHAT, delta, last, USAGE } from './support/answers.ts'
import { reading } from './support/read.ts'
import { bodyServer } from './support/server.ts'
import { bodyOf } from './support/ways.ts'

const EVENTS = 100_000

const server = await bodyServer()
const text = Array.from({ length: EVENTS - 1 }, (_, i) => delta(`${i} 🦉`, null)).join('') + last(CHAT)
const bytes = Buffer.from(text)
// Of a length that is no event's, so that events are cut everywhere.
server.body = {
  pieces: Array.from({ length: bytes.length / 10_007 + 1 }, (_, i) => bytes.subarray(i * 10_007, (i + 1) * 10_007)),
}

it('arrives byte for byte', async () => {
  const { fetch: ours, usage } = reading()
  const hash = createHash('sha256')
  let length = 0
  for await (const part of bodyOf(await ours(server.origin))) {
    hash.update(part)
    length += part.length
  }
  expect([length, hash.digest('hex')]).toEqual([bytes.length, createHash('sha256').update(bytes).digest('hex')])
  expect(await usage()).toEqual(USAGE)
})

it('arrives event for event, through the SDK', async () => {
  const { fetch: ours, usage } = reading()
  const openai = new OpenAI({ baseURL: server.origin, apiKey: 'none', fetch: ours })
  const messages = [{ role: 'user' as const, content: 'Hello' }]
  let events = 0
  let strangers = 0
  for await (const { choices } of await openai.chat.completions.create({ model: 'm', messages, stream: true })) {
    if (choices[0] !== undefined && choices[0].delta.content !== `${events} 🦉`) strangers++
    events++
  }
  expect([events, strangers]).toEqual([EVENTS, 0])
  expect(await usage()).toEqual(USAGE)
})
