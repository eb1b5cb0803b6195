// Of which responses usage can be read, and what it costs those of whom it is not.

import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { affinityFetch, Session } from 'llm-affinity'
import { readUsage } from 'llm-affinity/usage'
import { fetch as fetch8 } from 'undici'
import { fetch as fetch7 } from 'undici7'
import { describe, expect, it, vi } from 'vitest'
import { CHAT, delta, last, USAGE } from './support/answers.ts'
import { isPending, reading } from './support/read.ts'
import { bodyServer } from './support/server.ts'
import { bodyOf } from './support/ways.ts'

const server = await bodyServer()
const TEXT = [delta('Hi'), last(CHAT)].join('')
server.body = { pieces: [TEXT] }

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

describe('a response', () => {
  it('is the same object, with no visible property added', async () => {
    const response = new Response(TEXT)
    const body = bodyOf(response)
    // Node 22 keeps its own state there, under symbols.
    const enumerable = (of: object) => Reflect.ownKeys(of).filter((key) => Object.hasOwn({ ...of }, key))
    const keys = [response, body].map(enumerable)
    void readUsage(response)
    expect(response.body).toBe(body)
    expect([response, body].map(enumerable)).toEqual(keys)
    expect(Object.keys(response)).toEqual([])
    expect(response).toBeInstanceOf(Response)
  })

  it('is read once, however often and by whichever copy', async () => {
    const response = new Response(TEXT)
    const usage = readUsage(response)
    expect(readUsage(response)).toBe(usage)
    const { text } = response
    expect(readUsage(response)).toBe(usage)
    expect(response.text).toBe(text)
    await response.text()
    expect(readUsage(response)).toBe(usage)
    expect(await usage).toEqual(USAGE)
  })

  it('can be read by two copies of the package', async () => {
    vi.resetModules()
    const other = await import('llm-affinity/usage')
    expect(other.readUsage).not.toBe(readUsage)
    for (const read of [(response: Response) => response.text(), partsOf]) {
      const response = new Response(TEXT)
      const usages = [readUsage(response), other.readUsage(response)]
      await read(response)
      expect(await Promise.all(usages)).toEqual([USAGE, USAGE])
    }
  })

  it('that was read before reports nothing', async () => {
    const response = new Response(TEXT)
    await response.text()
    expect(await readUsage(response)).toBeUndefined()
  })

  it('without a body reports nothing, read or not', async () => {
    expect(await readUsage(new Response(null, { status: 204 }))).toBeUndefined()
    const empty = new Response(null)
    const usage = readUsage(empty)
    expect([empty.body, await empty.text()]).toEqual([null, ''])
    expect(await usage).toBeUndefined()
  })

  it('that cannot be changed stays as it is', async () => {
    const response = Object.freeze(new Response(TEXT))
    void readUsage(response)
    expect(await response.text()).toBe(TEXT)
  })

  it.each([
    ['undici 8', fetch8],
    ['undici 7', fetch7],
  ])('of another maker is read of as well: %s', async (_, theirs) => {
    for (const read of [
      (response: Response) => response.text(),
      async (response: Response) => Buffer.concat(await partsOf(response)).toString(),
    ]) {
      let usage: unknown
      const send = affinityFetch({
        // Their types differ from the platform's in name only.
        fetch: theirs as unknown as typeof fetch,
        session: new Session('conversation-42'),
        onOutcome: (_outcome, response) => {
          usage = response && readUsage(response)
        },
      })
      expect(await read(await send(server.origin))).toBe(TEXT)
      expect(await usage).toEqual(USAGE)
    }
  })

  it('whose body is not a platform stream is read as before', async () => {
    const body = {
      async *[Symbol.asyncIterator]() {
        yield Buffer.from(TEXT)
      },
    }
    const response = { bodyUsed: false, status: 200, body, text: async () => TEXT } as unknown as Response
    const usage = readUsage(response)
    expect(response.body).toBe(body)
    expect(Buffer.concat(await partsOf(response)).toString()).toBe(TEXT)
    await response.text()
    expect(await usage).toEqual(USAGE)
  })
})

async function partsOf(response: Response): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = []
  for await (const part of bodyOf(response)) parts.push(part)
  return parts
}

describe('a body that is not read', () => {
  it('leaves the stream open', async () => {
    const { fetch: ours, usage } = reading()
    const response = await ours(server.origin)
    expect(await isPending(usage())).toBe(true)
    await response.text()
    expect(await usage()).toEqual(USAGE)
  })

  it('is not requested: nothing is read before its reader reads', async () => {
    const pull = vi.fn((controller: ReadableStreamDefaultController) => controller.enqueue(Buffer.from('a')))
    const response = new Response(new ReadableStream({ pull }, { highWaterMark: 0 }))
    void readUsage(response)
    const piped = bodyOf(response.clone()).pipeThrough(new TransformStream({}, { highWaterMark: 1 }))
    await turn()
    const before = pull.mock.calls.length
    await turn()
    expect(pull.mock.calls.length).toBe(before)
    expect(before).toBeLessThanOrEqual(2)
    await piped.cancel()
  })

  it('is garbage-collected with everything that is kept for it', async () => {
    const kept: Promise<unknown>[] = []
    const refs: WeakRef<Response>[] = []
    const ask = async (looks: boolean): Promise<void> => {
      const { fetch: ours, usage } = reading()
      const response = await ours(server.origin)
      kept.push(usage())
      if (looks) void response.body
      refs.push(new WeakRef(response))
    }
    for (let i = 0; i < 50; i++) await ask(i % 2 === 0)
    await vi.waitUntil(
      async () => {
        await turn()
        collect()
        return refs.every((ref) => ref.deref() === undefined)
      },
      { timeout: 20_000 },
    )
    expect(kept).toHaveLength(50)
  })
})

it('no more than 82 kB is kept of a body, however long it is', async () => {
  const readers: ReadableStreamDefaultReader<Uint8Array>[] = []
  const part = new Uint8Array(10_000)
  collect()
  const before = process.memoryUsage().arrayBuffers
  for (let i = 0; i < 100; i++) {
    const response = new Response(new ReadableStream({ pull: (controller) => controller.enqueue(part) }))
    void readUsage(response)
    const reader = bodyOf(response).getReader()
    for (let j = 0; j < 100; j++) await reader.read()
    readers.push(reader)
  }
  const each = (): number => {
    collect()
    return (process.memoryUsage().arrayBuffers - before) / readers.length
  }
  // What is garbage is given back a little later.
  await vi.waitUntil(() => turn(each() < 82_500), { timeout: 10_000 })
  expect(each()).toBeGreaterThan(20_000)
})

it('a response without readUsage is untouched', async () => {
  const send = affinityFetch({ session: new Session('conversation-42'), onOutcome: () => {} })
  const response = await send(server.origin)
  expect(Reflect.ownKeys(response)).toEqual(Reflect.ownKeys(await fetch(server.origin)))
  expect(Reflect.ownKeys(bodyOf(response))).toEqual([...Reflect.ownKeys(bodyOf(await fetch(server.origin)))])
})
