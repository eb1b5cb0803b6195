// However a body is cut into parts, and whoever reads it: the same bytes, the same usage.

import fc from 'fast-check'
import { readUsage } from 'llm-affinity/usage'
import { describe, expect, it } from 'vitest'
import {
  CHAT,
  completed,
  delta,
  ending,
  event,
  LONG,
  last,
  message,
  RESPONSES,
  start,
  USAGE,
} from './support/answers.ts'
import { reading } from './support/read.ts'
import { bodyServer } from './support/server.ts'
import { whole } from './support/ways.ts'

const server = await bodyServer()

const small = {
  chat: [delta('Grüße 🦉', null), ': "usage":{\r\n\r\n', last(CHAT)].join(''),
  'chat, CRLF': [delta('Grüße 🦉', null), last(CHAT)].join('').replaceAll('\n', '\r\n'),
  messages: start({ input_tokens: 20, cache_read_input_tokens: 100 }) + ending({ output_tokens: 3 }),
  responses: event({ type: 'response.created', response: { usage: null } }) + completed({ usage: RESPONSES }),
  plain: JSON.stringify({ choices: [{ message: { content: 'Grüße 🦉' } }], usage: CHAT }, null, 1),
}

// Beyond what is kept of a body, by far.
const large = {
  'a long chat': delta(LONG.slice(0, 3_000)).repeat(60) + last(CHAT),
  'a long answer, told at its beginning':
    start({ input_tokens: 120, cache_read_input_tokens: null }) + delta(LONG) + ending({ cache_read_input_tokens: 0 }),
  'a long response in one event': completed({ output: [message(LONG)], usage: RESPONSES }),
  'a long object': JSON.stringify({ choices: [{ message: { content: LONG } }], usage: CHAT }),
}

const expected = (name: string): unknown =>
  name.includes('beginning') ? { promptTokens: 120, cachedTokens: 0 } : USAGE

function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const cuts = [0, ...places.map((place) => place % bytes.length).toSorted((a, b) => a - b), bytes.length]
  return cuts.slice(1).map((to, i) => bytes.subarray(cuts[i], to))
}

function streamOf(parts: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  const left = parts.filter((part) => part.length > 0)
  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      const part = left.shift()
      if (part === undefined) {
        controller.close()
        controller.byobRequest?.respond(0)
      } else controller.enqueue(Uint8Array.from(part))
    },
  })
}

// Those that need a server are tested with one.
const ways = Object.keys(whole).filter((name) => !name.includes('given up'))

describe('any cut', () => {
  const places = fc.array(fc.nat(), { maxLength: 40 })

  it.each(Object.entries({ ...small, ...large }))('of %s', async (name, text) => {
    const bytes = Buffer.from(text)
    await fc.assert(
      fc.asyncProperty(places, fc.constantFrom(...ways), async (cuts, way) => {
        const response = new Response(streamOf(cutAt(bytes, cuts)))
        const usage = readUsage(response)
        const gave = await whole[way]?.(response)
        expect(JSON.stringify(gave)).toContain(JSON.stringify(text).slice(1, -1))
        expect(await usage).toEqual(expected(name))
      }),
      { numRuns: name in small ? 150 : 30 },
    )
  })

  it.each(Object.entries(small))('each byte by itself: %s', async (name, text) => {
    const response = new Response(streamOf(Array.from(Buffer.from(text), (byte) => Uint8Array.of(byte))))
    const usage = readUsage(response)
    expect(await whole['for await']?.(response)).toBe(text)
    expect(await usage).toEqual(expected(name))
  })

  it('over a socket', async () => {
    const names = fc.constantFrom(...Object.entries({ ...small, ...large }))
    await fc.assert(
      fc.asyncProperty(names, places, fc.constantFrom(...ways), async ([name, text], cuts, way) => {
        server.body = { pieces: cutAt(Buffer.from(text), cuts).filter(({ length }) => length > 0) }
        const { fetch: ours, usage } = reading()
        const gave = await whole[way]?.(await ours(server.origin))
        expect(JSON.stringify(gave)).toContain(JSON.stringify(text).slice(1, -1))
        expect(await usage()).toEqual(expected(name))
      }),
      { numRuns: 60 },
    )
  })
})

describe('usage in an answer', () => {
  const filler = (length: number): string => delta('x'.repeat(40)).repeat(length)
  const said = event({ choices: [], usage: CHAT })

  it('is found in the first 16 kB and the last 32 kB, and in every shorter body', async () => {
    const count = fc.nat({ max: 900 })
    const part = fc.integer({ min: 1, max: 120_000 })
    await fc.assert(
      fc.asyncProperty(count, count, fc.array(part, { minLength: 1, maxLength: 4 }), async (before, after, sizes) => {
        const bytes = Buffer.from(filler(before) + said + filler(after))
        const parts: Uint8Array[] = []
        for (let from = 0, i = 0; from < bytes.length; from += parts.at(-1)?.length ?? 0, i++) {
          parts.push(bytes.subarray(from, from + (sizes[i % sizes.length] ?? 1)))
        }
        const response = new Response(streamOf(parts))
        const usage = readUsage(response)
        await whole.getReader?.(response)
        const isKept = filler(before).length + said.length <= 16_384 || said.length + filler(after).length <= 32_768
        if (isKept || bytes.length <= 49_152) expect(await usage).toEqual(USAGE)
        else expect([USAGE, undefined]).toContainEqual(await usage)
      }),
      { numRuns: 300 },
    )
  })

  it('is found where the kept beginning ends, in a chunk of its own or with others', async () => {
    for (let shift = -said.length; shift <= 0; shift += 10) {
      const start = `: ${'x'.repeat(16_384 + shift - 4)}\n\n`
      const bytes = Buffer.from(start + said + filler(220))
      for (const cuts of [[], [16_384 + shift], [16_384]]) {
        const response = new Response(streamOf(cutAt(bytes, cuts)))
        const usage = readUsage(response)
        await whole.getReader?.(response)
        expect(await usage, `${shift} ${cuts}`).toEqual(USAGE)
      }
    }
  })
})

describe('any text', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.constantFrom('"usage":{', '"usage" : {', '}', '{', '"', '\\', '\n', 'data: ', '"prompt_tokens":1', 'null', ','),
  )

  it('returns valid counts or none, and never throws', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(piece), fc.constantFrom('text', 'getReader', 'json'), async (pieces, way) => {
        const text = pieces.join('')
        const response = new Response(text)
        const usage = readUsage(response)
        const bare = await new Response(text).json().catch(String)
        expect(await (way === 'json' ? response.json().catch(String) : whole[way]?.(response))).toEqual(
          way === 'json' ? bare : new TextDecoder().decode(new TextEncoder().encode(text)),
        )
        const found = await usage
        if (found === undefined) return
        expect(found.promptTokens).toSatisfy(Number.isSafeInteger)
        expect(found.cachedTokens ?? 0).toBeLessThanOrEqual(found.promptTokens)
      }),
      { numRuns: 500 },
    )
  })

  it('takes time linear in its length, whatever it contains', async () => {
    const hostile = ['"usage":{', '"usage":{}', '{"usage":{"a":[', '\n{"usage":{', '"usage":{"', '\\"usage":{']
    for (const each of hostile) {
      const response = new Response(`{${each.repeat(300_000)}`)
      const usage = readUsage(response)
      await response.text()
      expect(await usage, each).toBeUndefined()
    }
  })
})
