// SDKs from before their clients had `withOptions`. They bring a fetch of their own, and are copied with their constructor.

import http from 'node:http'
import { affinityFetch, runWithoutSession, runWithSession, withAffinity } from 'llm-affinity'
import { describe, expect, it } from 'vitest'
import { recorder } from '../support/recorder.ts'
import { keysAt } from '../support/wire.ts'

const home = await recorder()
const foreign = await recorder()

interface Options {
  readonly apiKey: string
  readonly baseURL: string
  readonly maxRetries?: number
  readonly timeout?: number
  readonly defaultHeaders?: Record<string, string>
  readonly httpAgent?: unknown
  readonly fetch?: unknown
}

interface Client {
  apiKey: string
  readonly maxRetries: number
  readonly timeout: number
  readonly chat?: { readonly completions: { create(turn: object): Promise<unknown> } }
  readonly messages?: { create(turn: object): Promise<unknown> }
}

type ClientClass = new (options: Options) => Client

// Not as a literal: the types of these packages declare those of browsers for the whole project.
const load = (name: string) => import(name)

/** The packages, and where in the recorder their APIs begin. */
const clients = [
  ['openai4', '/v1'],
  ['openai4-last', '/v1'],
  ['anthropic-0.20', ''],
  ['anthropic-0.39', ''],
  ['groq-sdk-0', ''],
  ['together-ai-0.6', '/v1'],
] as const

describe.each(clients)('%s', async (name, path) => {
  const { default: ClientClass }: { default: ClientClass } = await load(name)
  const options = (): Options => ({ apiKey: 'key-1', baseURL: home.origin + path, maxRetries: 3, timeout: 5_000 })
  const call = (client: Client, content = 'hello'): Promise<unknown> => {
    const turn = { model: 'm', max_tokens: 8, messages: [{ role: 'user', content }] }
    return client.messages?.create(turn) ?? client.chat?.completions.create(turn) ?? Promise.reject(new Error('no API'))
  }

  it('is copied whole: class, options and headers', async () => {
    const httpAgent = new http.Agent({ keepAlive: true })
    const before = new ClientClass({ ...options(), defaultHeaders: { 'x-team': 'search' }, httpAgent })
    before.apiKey = 'key-2'
    const client = withAffinity(before)
    expect(client).toBeInstanceOf(ClientClass)
    expect(client).not.toBe(before)
    expect(client).toMatchObject({ apiKey: 'key-2', maxRetries: 3, timeout: 5_000 })
    expect(Reflect.get(client, 'httpAgent')).toBe(httpAgent)
    await runWithSession('conversation-42', () => call(client))
    const [request] = home.requests
    expect(request?.header('x-team')).toBe('search')
    expect(request?.header('authorization') ?? request?.header('x-api-key')).toMatch(/^(Bearer )?key-2$/)
    httpAgent.destroy()
  })

  it('carries the session on every attempt, and none on side calls and outside of a session', async () => {
    const client = withAffinity(new ClientClass(options()))
    home.script(
      { status: 500, headers: { 'retry-after-ms': '1' } },
      { status: 500, headers: { 'retry-after-ms': '1' } },
    )
    await runWithSession('conversation-42', () => call(client))
    await runWithSession('conversation-42', () => runWithoutSession(() => call(client)))
    await call(client)
    expect(keysAt(home)).toEqual(['conversation-42', 'conversation-42', 'conversation-42', undefined, undefined])
  })

  it('keeps 50 interleaved conversations apart', async () => {
    const client = withAffinity(new ClientClass(options()))
    const ids = Array.from({ length: 50 }, (_, i) => `conversation-${i}`)
    await Promise.all(ids.map((id) => runWithSession(id, () => call(client, id))))
    expect(home.requests).toHaveLength(ids.length)
    for (const request of home.requests) expect(request.text()).toContain(`"${request.header('x-session-id')}"`)
  })

  it('does not take the key to another origin', async () => {
    const client = withAffinity(new ClientClass(options()))
    home.script({ status: 307, headers: { location: `${foreign.origin}/v1/elsewhere` } })
    await runWithSession('conversation-42', () => call(client)).catch(() => {})
    expect(keysAt(home)).toEqual(['conversation-42'])
    expect(keysAt(foreign)).toEqual([undefined])
  })

  it('is not changed itself, and keeps its options if it is wrapped again', async () => {
    const before = new ClientClass(options())
    const client = withAffinity(withAffinity(before, { gateway: 'olla' }), {})
    await runWithSession('conversation-42', () => call(before))
    await runWithSession('conversation-42', () => call(client))
    expect(home.requests.map((request) => request.header('x-olla-session-id'))).toEqual([undefined, 'conversation-42'])
  })

  it('takes affinityFetch as its fetch', async () => {
    const client = new ClientClass({ ...options(), fetch: affinityFetch() })
    await runWithSession('conversation-42', () => call(client))
    expect(keysAt(home)).toEqual(['conversation-42'])
  })

  it('is rejected if one of its methods was replaced', () => {
    const traced = new ClientClass(options())
    const api = traced.messages ?? traced.chat?.completions
    if (api !== undefined) api.create = async () => ({})
    expect(() => withAffinity(traced)).toThrow(/that would lose its (messages|chat\.completions)\.create/)
  })
})

describe('AzureOpenAI of openai 4', async () => {
  const { AzureOpenAI } = await load('openai4-last')
  const azure = { endpoint: 'http://127.0.0.1:9', apiVersion: '2024-10-21', deployment: 'dep' }
  const turn = { model: 'm', messages: [] }

  it.each([
    ['a key', { apiKey: 'key-1' }, 'api-key', 'key-1'],
    ['a token provider', { azureADTokenProvider: async () => 'token-1' }, 'authorization', 'Bearer token-1'],
  ])('keeps %s, its deployment and its version', async (_what, credential, header, value) => {
    const client = withAffinity(new AzureOpenAI({ ...azure, endpoint: home.origin, ...credential }))
    await runWithSession('conversation-42', () => client.chat.completions.create(turn))
    const [request] = home.requests
    expect(request?.path).toBe('/openai/deployments/dep/chat/completions?api-version=2024-10-21')
    expect(request?.header(header)).toBe(value)
    expect(keysAt(home)).toEqual(['conversation-42'])
  })
})
