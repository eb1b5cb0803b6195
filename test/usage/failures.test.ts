// What goes wrong goes wrong as it does without us, with the same words.

import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { reading } from './support/read.ts'
import { bodyServer } from './support/server.ts'
import { bodyOf, type Way, whole } from './support/ways.ts'

const server = await bodyServer()

const STREAM = { 'content-type': 'text/event-stream' }
const START = 'data: {"type":"message_start","message":{"usage":{"input_tokens":20,"cache_read_input_tokens":100}}}\n\n'
const USAGE = { promptTokens: 120, cachedTokens: 100 }

const wordsOf = (error: unknown): unknown => {
  if (!(error instanceof Error)) return error
  const { name, message, cause } = error
  // Which of two errors of a socket comes first is a race, with us as without.
  return { name, message, hasCause: cause !== undefined }
}

async function outcomeOf(fn: () => unknown): Promise<unknown> {
  try {
    return { gave: await fn() }
  } catch (error) {
    return { threw: wordsOf(error) }
  }
}

/** A second use of what is used, or a use that was never right. */
const misuse: Record<string, Way> = {
  'text twice': async (response) => {
    await response.text()
    return response.text()
  },
  'text beside a reader': async (response) => {
    const reader = bodyOf(response).getReader()
    const beside = await outcomeOf(() => response.text())
    await reader.cancel()
    return beside
  },
  'two readers': async (response) => {
    const reader = bodyOf(response).getReader()
    const second = await outcomeOf(() => bodyOf(response).getReader())
    await reader.cancel()
    return second
  },
  'a reader of no such kind': (response) => Promise.resolve(bodyOf(response).getReader({ mode: 'none' } as never)),
  'a reader that has let go': async (response) => {
    const reader = bodyOf(response).getReader()
    reader.releaseLock()
    return Promise.all([reader.read, reader.cancel].map((use) => outcomeOf(() => Reflect.apply(use, reader, []))))
  },
  'a reader that lets go while it reads': async (response) => {
    const reader = bodyOf(response).getReader()
    await reader.read()
    const pending = outcomeOf(() => reader.read())
    reader.releaseLock()
    return pending
  },
  'cancel of what is locked': async (response) => {
    const reader = bodyOf(response).getReader()
    const cancelled = await outcomeOf(() => bodyOf(response).cancel())
    await reader.cancel()
    return cancelled
  },
  'clone of what is used': async (response) => {
    await response.text()
    return response.clone()
  },
  'tee, pipes and iterators of what is locked': async (response) => {
    const reader = bodyOf(response).getReader()
    const body = bodyOf(response)
    const uses = [
      () => body.tee(),
      () => body.pipeTo(new WritableStream()),
      () => body.pipeThrough(new TransformStream()),
      () => body.values(),
      () => body[Symbol.asyncIterator](),
    ]
    const seen = await Promise.all(uses.map(outcomeOf))
    await reader.cancel()
    return seen
  },
  'pipes to nothing': async (response) => {
    const body = bodyOf(response)
    const locked = new TransformStream()
    locked.writable.getWriter()
    const uses = [
      () => body.pipeTo(undefined as never),
      () => body.pipeTo({} as never),
      () => body.pipeTo(locked.writable),
      () => body.pipeThrough(undefined as never),
      () => body.pipeThrough({} as never),
      () => body.pipeThrough(locked),
      () => body.pipeThrough(new TransformStream(), { signal: {} as never }),
    ]
    const seen = []
    for (const use of uses) seen.push(await outcomeOf(use), body.locked)
    return seen
  },
  'a method of another object': async (response) =>
    Promise.all([
      outcomeOf(() => Reflect.apply(response.text, {}, [])),
      outcomeOf(() => Reflect.apply(bodyOf(response).getReader, {}, [])),
      outcomeOf(() => Reflect.apply(bodyOf(response).cancel, {}, [])),
    ]),
}

describe('misuse', () => {
  it.each(Object.entries(misuse))('%s', async (_name, way) => {
    server.body = { pieces: [START], headers: STREAM }
    const seen: unknown[] = []
    for (const send of [fetch, reading().fetch]) {
      const response = await send(server.origin)
      seen.push([await outcomeOf(() => way(response)), response.bodyUsed])
    }
    expect(seen[1]).toEqual(seen[0])
    expect(JSON.stringify(seen[0])).toContain('threw')
  })
})

it('a cancel() that is rejected because of a lock ends nothing: the usage is still read', async () => {
  server.body = { pieces: [START], headers: STREAM }
  const { fetch: ours, usage } = reading()
  const body = bodyOf(await ours(server.origin))
  const reader = body.getReader()
  await expect(body.cancel()).rejects.toThrow(TypeError)
  while (!(await reader.read()).done) {}
  expect(await usage()).toEqual(USAGE)
})

describe('a body that breaks off', () => {
  const ways = Object.entries(whole).filter(([name]) => !name.includes('given up'))

  it.each(ways)('fails as it does without this library: %s', async (_name, way) => {
    server.body = { pieces: [START], headers: STREAM, ending: 'breaks off' }
    const seen: unknown[] = []
    const { fetch: ours, usage } = reading()
    for (const send of [fetch, ours]) seen.push(await outcomeOf(async () => way(await send(server.origin))))
    expect(seen[1]).toEqual(seen[0])
    expect(seen[0]).toHaveProperty('threw')
    // What was said before it broke off counts, where it was seen.
    expect([USAGE, undefined]).toContainEqual(await usage())
  })
})

describe('a call that is aborted', () => {
  const names = ['text', 'getReader', 'for await', 'pipeThrough', 'pipeTo', 'tee, both read', 'clone, both read']

  it.each(names)('fails as it does without this library: %s', async (name) => {
    server.body = { pieces: [START], headers: STREAM, ending: 'nothing' }
    const seen: unknown[] = []
    const { fetch: ours, usage } = reading()
    for (const send of [fetch, ours]) {
      const controller = new AbortController()
      const givenUp = server.givenUp()
      const response = await send(server.origin, { signal: controller.signal })
      const read = outcomeOf(() => whole[name]?.(response))
      setImmediate(() => controller.abort())
      seen.push(await read)
      await givenUp
    }
    expect(seen[1]).toEqual(seen[0])
    expect(seen[0]).toHaveProperty('threw.name', 'AbortError')
    expect([USAGE, undefined]).toContainEqual(await usage())
  })
})

it('a failure that is not handled is not handled for the caller', async () => {
  server.body = { pieces: [START], headers: STREAM, ending: 'breaks off' }
  for (const send of [fetch, reading().fetch]) {
    for (const read of ['text', 'reader'] as const) {
      const response = await send(server.origin)
      const unhandled = once(process, 'unhandledRejection')
      if (read === 'text') void response.text()
      else {
        const reader = bodyOf(response).getReader()
        await reader.read()
        void reader.read()
      }
      expect(await unhandled).toBeDefined()
    }
  }
})
