// Bodies that are made to be expensive to read.

import { readUsage, type Usage } from 'llm-affinity/usage'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { JSONS } from './support/answers.ts'
import { reading } from './support/read.ts'
import { bodyServer } from './support/server.ts'
import { bodyOf } from './support/ways.ts'

const server = await bodyServer()

afterEach(() => {
  vi.restoreAllMocks()
})

/** Bodies of about so many characters. */
const hostile: Readonly<Record<string, (length: number) => string>> = {
  'lines with an empty usage': repeated('"usage":{}\n'),
  'lines with a usage that is not JSON': repeated('"usage":{x}}\n'),
  'lines with a usage that does not end': repeated('"usage":{\n'),
  'one line of usages': (length) => `x${repeated('"usage":{')(length)}`,
  'one object of usages': (length) => `{${repeated('"usage":{')(length)}`,
  'one object with a usage first, which does not end': (length) => `{"usage":{},"a":${repeated('[')(length)}`,
  'names without a value': (length) => `{${repeated('"usage"        ')(length)}`,
  'one name and spaces': (length) => `{"usage"${repeated(' ')(length)}`,
  'spaces alone': repeated(' '),
  'line ends alone': repeated('\r\n'),
  'quotes that are escaped': (length) => `{"usage":{"${repeated('\\"')(length)}`,
  'an event with a usage, again and again': repeated('data: {"choices":[],"usage":{"prompt_tokens":10}}\n\n'),
  'one object of many usages': (length) => `{"a":{}${repeated(',"a":{"usage":{}}')(length)}}`,
}

function repeated(part: string): (length: number) => string {
  return (length) => part.repeat(length / part.length)
}

const ways: Readonly<Record<string, (response: Response) => Promise<unknown>>> = {
  text: (response) => response.text(),
  stream: async (response) => {
    for await (const _ of bodyOf(response));
  },
}

async function usageOf(body: string, read: (response: Response) => Promise<unknown>): Promise<Usage | undefined> {
  const response = new Response(body)
  const usage = readUsage(response)
  await read(response)
  return usage
}

const cases = Object.keys(ways).flatMap((way) => Object.keys(hostile).map((kind) => [kind, way] as const))

describe.each(cases)('%s, read as %s', (kind, way) => {
  const bodyOfLength = hostile[kind] ?? repeated('')
  const read = ways[way] ?? (() => Promise.reject(new Error('no way')))

  it('costs no more than its length', async () => {
    // CPU time of this thread, the least of three, and never a time that is too short to be measured.
    const costOf = async (length: number): Promise<number> => {
      const body = bodyOfLength(length)
      const costs: number[] = []
      for (let i = 0; i < 3; i++) {
        const before = process.threadCpuUsage()
        await usageOf(body, read)
        const { user, system } = process.threadCpuUsage(before)
        costs.push(user + system)
      }
      return Math.max(5_000, ...costs.toSorted((one, other) => one - other).slice(0, 1))
    }
    const small = await costOf(2 ** 16)
    // Linear: 8 times as much. Quadratic: 64 times.
    expect(await costOf(2 ** 19)).toBeLessThan(24 * small)
  })

  it('parses a bounded part of it', async () => {
    const body = bodyOfLength(10 * 2 ** 20)
    const parse = vi.spyOn(JSON, 'parse')
    await usageOf(body, read)
    const lengths = parse.mock.calls.map(([text]) => text.length)
    expect(lengths.length).toBeLessThanOrEqual(40)
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBeLessThan(2.5 * 2 ** 20)
  })
})

describe('an answer of a million values', () => {
  it.each([
    ['a list', `[${'0,'.repeat(1_000_000)}{"usage":{"prompt_tokens":7}}]`],
    ['an object', `{${Array.from({ length: 300_000 }, (_, i) => `"${i}":0`).join()},"usage":{"prompt_tokens":7}}`],
  ])('reaches whoever reads it as JSON, usage included: %s', async (_kind, text) => {
    server.body = { pieces: [text], headers: JSONS }
    const { fetch: ours, usage } = reading()
    const answer: unknown = await (await ours(server.origin)).json()
    expect(JSON.stringify(answer)).toBe(text)
    expect(await usage()).toEqual({ promptTokens: 7 })
  })
})

it('a reader gets its JSON even if inspecting that throws', async () => {
  const answer = {
    get usage(): unknown {
      throw new Error('theirs')
    },
  }
  const response = Object.defineProperty(new Response('{}'), 'json', { configurable: true, value: async () => answer })
  const usage = readUsage(response)
  expect(await response.json()).toBe(answer)
  expect(await usage).toBeUndefined()
})

it('the last usage of many events counts, with what only the first ones reported', async () => {
  const first =
    'data: {"type":"message_start","message":{"usage":{"input_tokens":15,"cache_read_input_tokens":100}}}\n\n'
  const rest = Array.from({ length: 500 }, (_, i) => `data: {"usage":{"input_tokens":${i}}}\n\n`).join('')
  for (const read of Object.values(ways)) {
    expect(await usageOf(first + rest, read)).toEqual({ promptTokens: 599, cachedTokens: 100 })
  }
})
