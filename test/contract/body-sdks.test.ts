// The gateways that read the key from the body, called through their SDKs.

import { affinityFetch, runWithoutSession, runWithSession, Session, withAffinity } from 'llm-affinity'
import OpenAI, { AzureOpenAI } from 'openai'
import { describe, expect, it } from 'vitest'
import type { GatewayName } from '../../packages/llm-affinity/src/gateways/table.ts'
import { json, KEY } from '../support/bodies.ts'
import { answer } from '../support/outcomes.ts'
import { recorder } from '../support/recorder.ts'

const home = await recorder()

const messages = [{ role: 'user' as const, content: 'hello' }]
const chat = { model: 'test-model', messages }
const question = { model: 'test-model', input: 'hello' }
const inScope = <T>(fn: () => T): T => runWithSession(KEY, fn)
const field = (at: number): unknown => Object(home.requests.at(at)?.json()).prompt_cache_key

describe('an OpenAI client', () => {
  const bare = new OpenAI({ baseURL: `${home.origin}/v1`, apiKey: 'test', maxRetries: 3 })
  const openai = withAffinity(bare, { gateway: 'openai' })

  it('sends the field first, and everything else byte for byte as the bare client does', async () => {
    for (const client of [bare, openai]) {
      await inScope(() => client.chat.completions.create({ ...chat, temperature: 0 }))
      await inScope(() => client.responses.create(question))
      await inScope(async () => {
        for await (const _ of await client.chat.completions.create({ ...chat, stream: true }));
      })
    }
    const texts = home.requests.map((request) => request.text())
    expect(texts.slice(3)).toEqual(texts.slice(0, 3).map((text) => text.replace('{', `{"prompt_cache_key":"${KEY}",`)))
    const headers = home.requests.map(({ rawHeaders }) =>
      rawHeaders.filter(([name]) => name.toLowerCase() !== 'content-length').toSorted(),
    )
    expect(headers.slice(3)).toEqual(headers.slice(0, 3))
  })

  it('keeps the caller’s own field, whether it is a value, null, or set by the call’s `body` option', async () => {
    await inScope(() => openai.chat.completions.create({ ...chat, prompt_cache_key: 'mine' }))
    await inScope(() => openai.responses.create({ ...question, prompt_cache_key: null as never }))
    await inScope(() => openai.responses.create(question, { body: { ...question, prompt_cache_key: 'theirs' } }))
    expect([field(0), field(1), field(2)]).toEqual(['mine', null, 'theirs'])
  })

  it('sends no field to endpoints that do not accept it, nor without a session', async () => {
    await inScope(() => openai.embeddings.create({ model: 'm', input: 'hello' }))
    await inScope(() => openai.responses.inputTokens.count(question).catch(() => {}))
    await inScope(() => openai.chat.completions.update('chat-1', { metadata: {} }).catch(() => {}))
    await inScope(() => openai.responses.cancel('response-1').catch(() => {}))
    await inScope(() => openai.models.list())
    await inScope(() => openai.files.create({ file: new File(['{}'], 'a.json'), purpose: 'batch' }).catch(() => {}))
    await runWithoutSession(() => openai.chat.completions.create(chat))
    await openai.chat.completions.create(chat)
    expect(home.requests.map(({ path }) => path)).toEqual([
      '/v1/embeddings',
      '/v1/responses/input_tokens',
      '/v1/chat/completions/chat-1',
      '/v1/responses/response-1/cancel',
      '/v1/models',
      '/v1/files',
      '/v1/chat/completions',
      '/v1/chat/completions',
    ])
    for (const request of home.requests) expect(request.text()).not.toContain('prompt_cache_key')
  })

  it('sends on every attempt the key that is current at that time', async () => {
    const session = new Session('conversation-43')
    const keys = [session.key]
    const onOutcome = (): void => {
      session.repin()
      keys.push(session.key)
    }
    const soon = { 'retry-after-ms': '1' }
    home.script(answer(soon, 500), { reset: true }, answer(soon, 429))
    await withAffinity(openai, { session, onOutcome }).chat.completions.create(chat)
    expect(home.requests.map((_, at) => field(at))).toEqual([keys[0], keys[1], keys[1], keys[2]])
    expect(new Set(keys).size).toBe(4)
  })

  it('does not change the caller’s body', async () => {
    const body = Object.freeze({ ...chat, metadata: Object.freeze({ prompt_cache_key: 'theirs' }) })
    await inScope(() => openai.chat.completions.create(body))
    expect(home.requests[0]?.json()).toEqual({ ...body, prompt_cache_key: KEY })
    expect(body).toEqual({ ...chat, metadata: { prompt_cache_key: 'theirs' } })
  })
})

describe('an AzureOpenAI client', () => {
  const azure = (baseURL: string): AzureOpenAI =>
    withAffinity(new AzureOpenAI({ baseURL, apiKey: 'test', apiVersion: 'v1' }), { gateway: 'azure-openai' })

  it('sends the field to the v1 API, but not to a dated API or a deployment', async () => {
    const v1 = azure(`${home.origin}/openai/v1`)
    await inScope(() => v1.responses.create(question))
    await inScope(() => v1.chat.completions.create(chat).catch(() => {}))
    await inScope(() => azure(`${home.origin}/openai`).chat.completions.create(chat))
    await inScope(() => azure(`${home.origin}/openai`).responses.create(question))
    const openai = withAffinity(new OpenAI({ baseURL: v1.baseURL, apiKey: 'test' }), { gateway: 'azure-openai' })
    await inScope(() => openai.chat.completions.create(chat))
    expect(home.requests.map(({ path }, at) => [path, field(at)])).toEqual([
      ['/openai/v1/responses?api-version=v1', KEY],
      ['/openai/v1/deployments/test-model/chat/completions?api-version=v1', undefined],
      ['/openai/deployments/test-model/chat/completions?api-version=v1', undefined],
      ['/openai/responses?api-version=v1', undefined],
      ['/openai/v1/chat/completions', KEY],
    ])
    for (const request of home.requests) expect(request.rawHeaders.flat()).not.toContain(KEY)
  })
})

const named: [GatewayName, string, { header?: string; field?: true }][] = [
  ['openai', '/v1/chat/completions', { field: true }],
  ['openai', '/v1/responses', { field: true }],
  ['openai', '/v1/responses/compact', { field: true }],
  ['openai', '/v1/decisions', { field: true }],
  ['moonshot', '/v1/chat/completions', { field: true }],
  ['moonshot', '/v1/responses', {}],
  ['mistral', '/v1/chat/completions', { field: true }],
  ['mistral', '/v1/fim/completions', { field: true }],
  ['mistral', '/v1/agents/completions', { field: true }],
  ['mistral', '/v1/conversations', {}],
  ['mistral', '/v1/embeddings', {}],
  ['xai', '/v1/responses', { header: 'x-grok-conv-id', field: true }],
  ['xai', '/v1/chat/completions', { header: 'x-grok-conv-id' }],
  ['azure-openai', '/openai/v1/chat/completions', { field: true }],
  ['azure-openai', '/openai/v1/responses/compact', { field: true }],
  ['azure-openai', '/v1/chat/completions', {}],
  ['generic', '/v1/chat/completions', { header: 'x-session-id' }],
  ['none', '/v1/chat/completions', {}],
]

it.each(named)(
  '%s receives at %s the header and the field that it reads there, and nothing else',
  async (gateway, path, { header, field: has }) => {
    const send = affinityFetch({ gateway })
    await inScope(() => send(`${home.origin}${path}`, { method: 'POST', headers: json, body: '{"model":"m"}' }))
    const [request] = home.requests
    const names = request?.rawHeaders.filter(([, value]) => value === KEY).map(([name]) => name.toLowerCase())
    expect(names?.[0]).toBe(header)
    expect(request?.json()).toEqual(has ? { prompt_cache_key: KEY, model: 'm' } : { model: 'm' })
  },
)

it.each([
  ['https://api.openai.com/v1', true],
  ['https://us.api.openai.com/v1', true],
  ['https://api.moonshot.ai/v1', true],
  ['https://api.eu.mistral.ai/v1', true],
  ['https://api.groq.com/openai/v1', false],
  ['https://api.openai.com.evil.example/v1', false],
  ['https://resource.openai.azure.com/openai/v1', false],
])('recognises the gateway of %s by its host', async (baseURL, has) => {
  // A user-defined fetch below ours, such as one that uses a forward proxy.
  const forwarding: typeof fetch = (input, init) => fetch(String(input).replace(baseURL, `${home.origin}/v1`), init)
  const client = withAffinity(new OpenAI({ baseURL, apiKey: 'test', fetch: forwarding }))
  await inScope(() => client.chat.completions.create(chat))
  expect(home.requests[0]?.json()).toEqual(has ? { prompt_cache_key: KEY, ...chat } : chat)
})
