import { affinityFetch, runWithSession, Session, withAffinity } from 'llm-affinity'
import { LearnedState } from 'llm-affinity/learned'
import { cacheKey } from 'llm-affinity/usage'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { recorder } from '../support/recorder.ts'

const server = await recorder()
const client = new OpenAI({ baseURL: `${server.origin}/v1`, apiKey: 'test' })
const messages = [{ role: 'user' as const, content: 'hello' }]
const keys = (): unknown[] =>
  server.requests.map(({ body }) => Object(JSON.parse(Buffer.from(body).toString())).prompt_cache_key)

describe('a cache key apart from that of the session', () => {
  it.each(['openai', 'azure-openai', 'mistral', 'moonshot'] as const)('is sent in the body of %s', async (gateway) => {
    const base = gateway === 'azure-openai' ? `${server.origin}/openai/v1` : `${server.origin}/v1`
    const wrapped = withAffinity(client.withOptions({ baseURL: base }), { gateway, use: cacheKey('app-v3') })
    await runWithSession('conversation-42', () => wrapped.chat.completions.create({ model: 'm', messages })).catch(
      () => {},
    )
    expect(keys()).toEqual(['app-v3'])
  })

  it('can be a function of the session, whose own key is sent where it returns undefined, throws or is not valid', async () => {
    const results: (() => unknown)[] = [
      () => undefined,
      () => 'x'.repeat(65),
      () => {
        throw new Error('no')
      },
      () => 'a "quoted" key',
    ]
    const use = cacheKey(({ id }) => results[Number(id.at(-1))]?.() as string)
    const wrapped = withAffinity(client, { gateway: 'openai', use })
    for (const at of results.keys()) {
      await runWithSession(`conversation-${at}`, () => wrapped.chat.completions.create({ model: 'm', messages }))
    }
    expect(keys()).toEqual(['conversation-0', 'conversation-1', 'conversation-2', 'a "quoted" key'])
  })

  it('leaves the header of a gateway that has both, and the body that a caller has set', async () => {
    const wrapped = withAffinity(client, { gateway: 'xai', use: [cacheKey('app-v3'), new LearnedState()] })
    await runWithSession('conversation-42', () => wrapped.responses.create({ model: 'm', input: 'hello' }))
    await runWithSession('conversation-42', () =>
      wrapped.responses.create({ model: 'm', input: 'hi', prompt_cache_key: 'mine' }),
    )
    expect(keys()).toEqual(['app-v3', 'mine'])
    expect(server.requests.map((request) => request.header('x-grok-conv-id'))).toEqual(['conversation-42', undefined])
  })

  it('corrects the length that a caller has given', async () => {
    const send = affinityFetch({ gateway: 'openai', use: cacheKey('app-v3-é'.normalize().replace('é', 'e')) })
    const body = '{"model":"m","messages":[{"role":"user","content":"é"}]}'
    const headers = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }
    await new Session('conversation-42').run(() =>
      send(`${server.origin}/v1/chat/completions`, { method: 'POST', headers, body }),
    )
    expect(keys()).toEqual(['app-v3-e'])
  })

  it('throws for an invalid key', () => {
    expect(() => cacheKey('')).toThrow(/`key` to be 1 to 64 printable characters, or a function of the session, got ""/)
    expect(() => cacheKey(42 as unknown as string)).toThrow(/got a number/)
  })
})
