import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Anthropic from '@anthropic-ai/sdk'
import { affinityFetch, runWithSession, Session, withAffinity } from 'llm-affinity'
import OpenAI, { AzureOpenAI } from 'openai'
import { AzureOpenAI as AzureOpenAI6 } from 'openai6'
import { describe, expect, it } from 'vitest'
import { recorder } from '../support/recorder.ts'
import { keyOn, keysAt } from '../support/wire.ts'

const home = await recorder()
const foreign = await recorder()

const KEY = 'conversation-42'
const messages = [{ role: 'user' as const, content: 'hello' }]
const openai = (): OpenAI => new OpenAI({ baseURL: `${home.origin}/v1`, apiKey: 'test' })

describe('a wrapped client', () => {
  it('does not stamp calls of the original client', async () => {
    const bare = openai()
    const wrapped = withAffinity(bare)
    await runWithSession(KEY, () => bare.chat.completions.create({ model: 'm', messages }))
    await runWithSession(KEY, () => wrapped.chat.completions.create({ model: 'm', messages }))
    expect(keysAt(home)).toEqual([undefined, KEY])
  })

  it('can be wrapped again: given options replace, others stay, and nothing is stamped twice', async () => {
    const olla = withAffinity(openai(), { gateway: 'olla' })
    const bound = withAffinity(olla, { session: new Session('bound-session') })
    const generic = withAffinity(bound, { gateway: 'generic' })
    await bound.models.list()
    await generic.models.list()
    const names = ['x-olla-session-id', 'x-session-id', 'x-litellm-session-id']
    expect(home.requests.map((request) => names.map((name) => request.header(name)))).toEqual([
      ['bound-session', undefined, undefined],
      [undefined, 'bound-session', 'bound-session'],
    ])
  })

  it('keeps one conversation to each of two bound copies of one client', async () => {
    const shared = withAffinity(openai())
    const sessions = [new Session(), new Session()]
    const clients = sessions.map((session) => withAffinity(shared, { session }))
    await Promise.all(Array.from({ length: 50 }, (_, i) => clients[i % 2]?.models.list()))
    expect(new Set(keysAt(home))).toEqual(new Set(sessions.map(({ key }) => key)))
  })

  it('stamps below the base URL, also one that was set later, and nothing at another', async () => {
    const client = withAffinity(openai())
    await runWithSession(KEY, async () => {
      await client.get(`${home.origin}/v1/models`)
      await client.get(`${foreign.origin}/v1/models`)
      await client.get(`${home.origin}/admin`).catch(() => {})
      await client.get(`${home.origin}/v1/models`)
      client.baseURL = `${foreign.origin}/v1`
      await client.get(`${home.origin}/v1/models`)
      await client.get(`${foreign.origin}/v1/models`)
    })
    expect(keysAt(home)).toEqual([KEY, undefined, KEY, undefined])
    expect(keysAt(foreign)).toEqual([undefined, KEY])
  })

  it.each([
    ['7', AzureOpenAI],
    ['6, whose own copies leave them out', AzureOpenAI6 as unknown as typeof AzureOpenAI],
  ])('keeps the version and the deployment of an AzureOpenAI of openai %s', async (_version, AzureOpenAI) => {
    const azure = new AzureOpenAI({
      endpoint: home.origin,
      apiKey: 'test',
      apiVersion: '2026-01-01',
      deployment: 'dep',
    })
    await runWithSession(KEY, () => withAffinity(azure).chat.completions.create({ model: 'm', messages }))
    const byToken = new AzureOpenAI({
      baseURL: `${home.origin}/openai`,
      azureADTokenProvider: async () => 'token',
      apiVersion: '2026-01-01',
    })
    await runWithSession(KEY, () => withAffinity(byToken).chat.completions.create({ model: 'm', messages }))
    expect(home.requests.map(({ path }) => path)).toEqual([
      '/openai/deployments/dep/chat/completions?api-version=2026-01-01',
      '/openai/deployments/m/chat/completions?api-version=2026-01-01',
    ])
    expect(home.requests.map((request) => [request.header('api-key'), request.header('authorization')])).toEqual([
      ['test', undefined],
      [undefined, 'Bearer token'],
    ])
    expect(keysAt(home)).toEqual([KEY, KEY])
  })

  it('keeps a key that is a function, and a subclass of a user', async () => {
    class Ours extends OpenAI {
      readonly name = 'ours'
    }
    let asked = 0
    const client = withAffinity(
      new Ours({ baseURL: `${home.origin}/v1`, apiKey: async () => `key-${++asked}`, project: 'p', maxRetries: 7 }),
    )
    expect(client).toBeInstanceOf(Ours)
    expect([client.name, client.maxRetries]).toEqual(['ours', 7])
    await runWithSession(KEY, () => client.models.list())
    expect(home.requests[0]?.header('authorization')).toBe('Bearer key-1')
    expect(home.requests[0]?.header('openai-project')).toBe('p')
    expect(keysAt(home)).toEqual([KEY])
  })

  it('stamps a header that an SDK call has set to null: runWithoutSession is the way out', async () => {
    const client = withAffinity(openai())
    await runWithSession(KEY, () => client.models.list({ headers: { 'X-Session-Id': null } }))
    expect(keysAt(home)).toEqual([KEY])
  })
})

describe('calls that fetch a token', () => {
  it('of an Anthropic client carry no key, though they go to the same origin', async () => {
    const token = JSON.stringify({ access_token: 'minted', token_type: 'Bearer', expires_in: 3600 })
    const folder = await mkdtemp(join(tmpdir(), 'llm-affinity-'))
    const tokenFile = join(folder, 'token')
    await writeFile(tokenFile, 'jwt')
    const config = {
      authentication: {
        type: 'oidc_federation' as const,
        federation_rule_id: 'rule',
        organization_id: 'org',
        service_account_id: 'account',
        identity_token: { source: 'file' as const, path: tokenFile },
      },
      organization_id: 'org',
      base_url: home.origin,
    }
    for (const wrap of [
      (client: Anthropic) => withAffinity(client),
      (_: Anthropic) => new Anthropic({ config, baseURL: home.origin, fetch: affinityFetch() }),
    ]) {
      home.clear()
      home.script({ status: 200, headers: { 'content-type': 'application/json' }, body: token })
      const client = wrap(new Anthropic({ config, baseURL: home.origin }))
      await runWithSession(KEY, () => client.messages.create({ model: 'm', max_tokens: 9, messages }))
      expect(home.requests.map((request) => [request.path, keyOn(request)])).toEqual([
        ['/v1/oauth/token', undefined],
        ['/v1/messages', KEY],
      ])
    }
    await rm(folder, { recursive: true })
  })

  it('of an OpenAI client with a workload identity go elsewhere, and carry no key', async () => {
    const seen: [string, boolean][] = []
    const client = withAffinity(
      new OpenAI({
        baseURL: `${home.origin}/v1`,
        workloadIdentity: {
          identityProviderId: 'idp',
          serviceAccountId: 'account',
          provider: { tokenType: 'jwt', getToken: async () => 'subject' },
        },
        // The token endpoint is fixed in the SDK; this sends what goes there to a server of ours.
        fetch: async (input, init) => {
          const url = new URL(String(input))
          seen.push([url.origin, new Headers(init?.headers).has('x-session-id')])
          if (url.origin === home.origin) return fetch(input, init)
          foreign.script({ status: 200, body: '{"access_token":"minted"}' })
          return fetch(`${foreign.origin}${url.pathname}`, init)
        },
      }),
    )
    await runWithSession(KEY, () => client.models.list())
    expect(seen).toHaveLength(2)
    expect(foreign.requests.map((request) => [request.path, keyOn(request)])).toEqual([['/oauth/token', undefined]])
    expect(home.requests[0]?.header('authorization')).toBe('Bearer minted')
    expect(keysAt(home)).toEqual([KEY])
  })
})
