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

describe('one key', () => {
  it('is what every call of a conversation carries, retries too', async () => {
    server.script(fail(500))
    await converse(client(), 'conversation-42')
    expect(server.requests).toHaveLength(4)
    expect(assertOneKey(server)).toBe('conversation-42')
    expect(server.requests).toCarryOneKey()
    expect(server).toCarryOneKey('conversation-42')
  })

  it('is found in a body field too', async () => {
    await converse(client({ gateway: 'openai' }), 'conversation-42')
    expect(assertOneKey(server)).toBe('conversation-42')
  })

  it('is not there: the request is shown, without its credentials', async () => {
    const openai = client()
    await converse(openai, 'conversation-42', 1)
    await openai.chat.completions.create(turn('a stray call'))
    const message = thrown(() => assertOneKey(server))
    expect(message).toMatch(
      /^Expected calls that carry a key, got none on call 2 of 2:\n\n {2}POST \/v1\/chat\/completions\n/,
    )
    expect(message).toContain('a stray call')
    expect(message).toMatch(/authorization: \(left out\)/i)
    expect(message).not.toContain('sk-secret')
    expect(thrown(() => expect(server).toCarryOneKey())).toContain('a stray call')
  })

  it('is another: both keys are told, and which call', async () => {
    const openai = client()
    await converse(openai, 'conversation-42', 1)
    await converse(openai, 'conversation-43', 1)
    expect(thrown(() => assertOneKey(server))).toMatch(
      /^Expected all calls to carry the key of the first, conversation-42, got conversation-43 on call 2:/,
    )
  })

  it('is not the one that was asked for: the call that is not right is shown', async () => {
    const openai = client()
    await converse(openai, 'conversation-b', 1)
    await converse(openai, 'conversation-a', 1)
    expect(thrown(() => expect(server).toCarryOneKey('conversation-b'))).toMatch(
      /^Expected all calls to carry the key conversation-b, got conversation-a on call 2:\n\n {2}POST .*conversation-a 0/s,
    )
    expect(thrown(() => expect([]).toCarryOneKey('conversation-b'))).toMatch(/key conversation-b, got no calls at all/)
    expect(server).not.toCarryOneKey('conversation-b')
  })

  it.each([
    ['a string', 'x'],
    ['undefined', undefined],
    ['an object', {}],
    ['a list with a string in it', ['x']],
  ])('of %s is a mistake in the test, also with `not`', (what, given) => {
    const message = `Expected a recorder or a list of its requests, got ${what}`
    expect(thrown(() => expect(given).toCarryOneKey())).toBe(message)
    expect(thrown(() => expect(given).not.toCarryOneKey('a'))).toBe(message)
    expect(thrown(() => expect(given).not.toCarryNoKey())).toBe(message)
    expect(thrown(() => expect('x').not.toCarryDifferentKeys())).toBe('Expected a list of conversations, got a string')
    expect(thrown(() => expect('x').toCarryKeysOnlyTo([]))).toBe(
      'Expected what `watchOutgoing` has given, got a string',
    )
  })

  it('differs between names: both are told', async () => {
    await fetch(`${server.origin}/v1/models`, { headers: { 'x-session-id': 'a', 'x-litellm-session-id': 'b' } })
    expect(thrown(() => assertOneKey(server))).toMatch(
      /one key under every name, got x-.*: [ab], x-.*: [ab] on the one call/,
    )
  })

  it('of no calls at all is a mistake in the test', () => {
    expect(thrown(() => assertOneKey([]))).toMatch(/got no calls at all/)
  })

  it('may be under a name of your own', async () => {
    await converse(client({ gateway: { name: 'ours', headers: ['x-ours'] } }), 'conversation-42')
    expect(thrown(() => assertOneKey(server))).toMatch(/got none on call 1 of 3/)
    expect(assertOneKey(server, { headers: ['x-ours'] })).toBe('conversation-42')
  })
})

describe('no key', () => {
  it('is what sidecars carry', async () => {
    const openai = client()
    await runWithSession('conversation-42', () =>
      runWithoutSession(() => openai.chat.completions.create(turn('a title'))),
    )
    assertNoKey(server)
    expect(of('a title')).toCarryNoKey()
    expect([]).toCarryNoKey()
  })

  it('but one: the request is shown', async () => {
    await converse(client(), 'conversation-42', 1)
    expect(thrown(() => assertNoKey(server))).toMatch(
      /^Expected calls that carry no key, got x-session-id: conversation-42 on call 1:\n\n {2}POST/,
    )
    expect(server).not.toCarryNoKey()
  })
})

describe('conversations', () => {
  it('carry keys that differ', async () => {
    const openai = client()
    await Promise.all([converse(openai, 'conversation-a'), converse(openai, 'conversation-b')])
    expect(assertDifferentKeys([of('conversation-a'), of('conversation-b')])).toEqual([
      'conversation-a',
      'conversation-b',
    ])
    expect([of('conversation-a'), of('conversation-b')]).toCarryDifferentKeys()
  })

  it('that share one are told by number', async () => {
    await converse(client(), 'conversation-a')
    const both = [of('conversation-a'), of('conversation-a')]
    expect(thrown(() => assertDifferentKeys(both))).toMatch(/got conversation-a in number 1 and number 2/)
    expect(both).not.toCarryDifferentKeys()
  })
})

describe('what leaves the process', () => {
  it('is seen: fetch, undici and http, each attempt and each hop', async () => {
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

  it('is shown where it carries a key to a foreign origin', async () => {
    using outgoing = watchOutgoing()
    await runWithSession('conversation-42', () => affinityFetch()(`${elsewhere.origin}/v1/models`))
    expect(thrown(() => assertKeysOnlyTo(outgoing, server.origin))).toMatch(
      /^Expected keys to go to http:\S+ only, got x-session-id: conversation-42 on a call to http:\S+:\n\n {2}GET \/v1\/models/,
    )
    expect(outgoing).not.toCarryKeysOnlyTo(server.origin)
  })

  it('is seen no more once the watch has ended', async () => {
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
