import { get } from 'node:http'
import { affinityFetch, runWithoutSession, runWithSession, withAffinity } from 'llm-affinity'
import {
  assertDifferentKeys,
  assertKeysOnlyTo,
  assertNoKey,
  assertOneKey,
  fail,
  type Recorder,
  redirectTo,
  startRecorder,
  watchOutgoing,
} from 'llm-affinity-testkit'
import 'llm-affinity-testkit/vitest'
import OpenAI from 'openai'
import { request } from 'undici'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

let server: Recorder
let elsewhere: Recorder
beforeAll(async () => {
  server = await startRecorder()
  elsewhere = await startRecorder()
})
afterAll(() => Promise.all([server.close(), elsewhere.close()]))
beforeEach(() => {
  server.clear()
  elsewhere.clear()
})

const client = (options = {}): OpenAI =>
  withAffinity(new OpenAI({ baseURL: server.baseURL, apiKey: 'sk-secret', maxRetries: 2 }), options)
const turn = (text: string) => ({ model: 'm', messages: [{ role: 'user' as const, content: text }] })
const converse = async (openai: OpenAI, id: string, turns = 3): Promise<void> => {
  for (let at = 0; at < turns; at++) await runWithSession(id, () => openai.chat.completions.create(turn(`${id} ${at}`)))
}
const of = (id: string) => server.requests.filter((each) => each.text().includes(id))

describe('assertOneKey', () => {
  it('passes when every request of a conversation carries the key, retries included', async () => {
    server.script(fail(500))
    await converse(client(), 'conversation-42')
    expect(server.requests).toHaveLength(4)
    expect(assertOneKey(server)).toBe('conversation-42')
    expect(server.requests).toCarryOneKey()
    expect(server).toCarryOneKey('conversation-42')
  })

  it('finds a key in a body field', async () => {
    await converse(client({ gateway: 'openai' }), 'conversation-42')
    expect(assertOneKey(server)).toBe('conversation-42')
  })

  it('shows a request without a key, with its credentials hidden', async () => {
    const openai = client()
    await converse(openai, 'conversation-42', 1)
    await openai.chat.completions.create(turn('a stray call'))
    const message = thrown(() => assertOneKey(server))
    expect(message).toMatch(
      /^Expected requests that carry a key, got none on request 2 of 2:\n\n {2}POST \/v1\/chat\/completions\n/,
    )
    expect(message).toContain('a stray call')
    expect(message).toMatch(/authorization: \(hidden\)/i)
    expect(message).not.toContain('sk-secret')
    expect(thrown(() => expect(server).toCarryOneKey())).toContain('a stray call')
  })

  it('names both keys and the request when a request carries another key', async () => {
    const openai = client()
    await converse(openai, 'conversation-42', 1)
    await converse(openai, 'conversation-43', 1)
    expect(thrown(() => assertOneKey(server))).toMatch(
      /^Expected all requests to carry the key of the first, conversation-42, got conversation-43 on request 2:/,
    )
  })

  it('shows the first request that does not carry the expected key', async () => {
    const openai = client()
    await converse(openai, 'conversation-b', 1)
    await converse(openai, 'conversation-a', 1)
    expect(thrown(() => expect(server).toCarryOneKey('conversation-b'))).toMatch(
      /^Expected all requests to carry the key conversation-b, got conversation-a on request 2:\n\n {2}POST .*conversation-a 0/s,
    )
    expect(thrown(() => expect([]).toCarryOneKey('conversation-b'))).toMatch(/key conversation-b, got no requests/)
    expect(server).not.toCarryOneKey('conversation-b')
  })

  it.each([
    ['a string', 'x'],
    ['undefined', undefined],
    ['an object', {}],
    ['a list that contains a string', ['x']],
  ])('throws a TypeError for %s, also with `not`', (what, given) => {
    const message = `Expected a recorder or a list of its requests, got ${what}`
    expect(thrown(() => expect(given).toCarryOneKey())).toBe(message)
    expect(thrown(() => expect(given).not.toCarryOneKey('a'))).toBe(message)
    expect(thrown(() => expect(given).not.toCarryNoKey())).toBe(message)
    expect(thrown(() => expect('x').not.toCarryDifferentKeys())).toBe('Expected a list of conversations, got a string')
    expect(thrown(() => expect('x').toCarryKeysOnlyTo([]))).toBe('Expected the result of `watchOutgoing`, got a string')
  })

  it('names both keys when they differ between headers', async () => {
    await fetch(`${server.origin}/v1/models`, { headers: { 'x-session-id': 'a', 'x-litellm-session-id': 'b' } })
    expect(thrown(() => assertOneKey(server))).toMatch(
      /the same key under every name, got x-.*: [ab], x-.*: [ab] on the only request/,
    )
  })

  it('fails for an empty list', () => {
    expect(thrown(() => assertOneKey([]))).toMatch(/got no requests/)
  })

  it('looks for user-defined header names', async () => {
    await converse(client({ gateway: { name: 'ours', headers: ['x-ours'] } }), 'conversation-42')
    expect(thrown(() => assertOneKey(server))).toMatch(/got none on request 1 of 3/)
    expect(assertOneKey(server, { headers: ['x-ours'] })).toBe('conversation-42')
  })
})

describe('assertNoKey', () => {
  it('passes for side calls and for an empty list', async () => {
    const openai = client()
    await runWithSession('conversation-42', () =>
      runWithoutSession(() => openai.chat.completions.create(turn('a title'))),
    )
    assertNoKey(server)
    expect(of('a title')).toCarryNoKey()
    expect([]).toCarryNoKey()
  })

  it('shows a request that carries a key', async () => {
    await converse(client(), 'conversation-42', 1)
    expect(thrown(() => assertNoKey(server))).toMatch(
      /^Expected requests without a key, got x-session-id: conversation-42 on request 1:\n\n {2}POST/,
    )
    expect(server).not.toCarryNoKey()
  })
})

describe('assertDifferentKeys', () => {
  it('returns the key of each conversation', async () => {
    const openai = client()
    await Promise.all([converse(openai, 'conversation-a'), converse(openai, 'conversation-b')])
    expect(assertDifferentKeys([of('conversation-a'), of('conversation-b')])).toEqual([
      'conversation-a',
      'conversation-b',
    ])
    expect([of('conversation-a'), of('conversation-b')]).toCarryDifferentKeys()
  })

  it('names the conversations that share a key', async () => {
    await converse(client(), 'conversation-a')
    const both = [of('conversation-a'), of('conversation-a')]
    expect(thrown(() => assertDifferentKeys(both))).toMatch(/got conversation-a for conversations 1 and 2/)
    expect(both).not.toCarryDifferentKeys()
  })
})

describe('watchOutgoing', () => {
  it('records requests of fetch, undici and http, with each attempt and each hop', async () => {
    server.script(fail(500), redirectTo(`${elsewhere.origin}/v1/chat/completions`))
    using outgoing = watchOutgoing()
    await converse(client(), 'conversation-42', 1)
    await request(`${server.origin}/v1/models?by=undici`).then(({ body }) => body.dump())
    await new Promise((resolve) => get(`${server.origin}/v1/models?by=http`, resolve))
    expect(outgoing.requests.map(({ method, origin, path }) => [method, origin, path])).toEqual([
      ['POST', server.origin, '/v1/chat/completions'],
      ['POST', server.origin, '/v1/chat/completions'],
      ['POST', elsewhere.origin, '/v1/chat/completions'],
      ['GET', server.origin, '/v1/models?by=undici'],
      ['GET', server.origin, '/v1/models?by=http'],
    ])
    assertKeysOnlyTo(outgoing, server.origin)
    expect(outgoing).toCarryKeysOnlyTo([server.baseURL])
  })

  it('shows a request that carries a key to another origin', async () => {
    using outgoing = watchOutgoing()
    await runWithSession('conversation-42', () => affinityFetch()(`${elsewhere.origin}/v1/models`))
    expect(thrown(() => assertKeysOnlyTo(outgoing, server.origin))).toMatch(
      /^Expected keys to go only to http:\S+, got x-session-id: conversation-42 on a request to http:\S+:\n\n {2}GET \/v1\/models/,
    )
    expect(outgoing).not.toCarryKeysOnlyTo(server.origin)
  })

  it('records nothing after stop', async () => {
    const outgoing = watchOutgoing()
    outgoing.stop()
    await fetch(`${server.origin}/v1/models`)
    expect(outgoing.requests).toEqual([])
  })
})

function thrown(fn: () => unknown): string {
  try {
    fn()
  } catch (error) {
    if (error instanceof Error) return error.message
  }
  throw new Error('Nothing was thrown')
}
