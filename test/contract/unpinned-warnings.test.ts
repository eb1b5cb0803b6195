import { channel } from 'node:diagnostics_channel'
import { request as httpRequest } from 'node:http'
import { startRecorder } from 'llm-affinity-testkit'
import OpenAI from 'openai'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
beforeEach(() => emitWarning.mockClear())
afterEach(() => vi.unstubAllEnvs())

const turn = { model: 'm', messages: [{ role: 'user' as const, content: 'Hello' }] }
const client = (baseURL: string) => new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 })
const warnings = () => emitWarning.mock.calls.map(([text]) => String(text))

// A copy of the package that has not warned yet.
async function fresh() {
  vi.resetModules()
  const { instrument } = await import('llm-affinity/instrument')
  return { ...(await import('llm-affinity')), instrument }
}

function byHttp(url: string, headers: Record<string, string> = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    httpRequest(url, { headers }, (response) => response.resume().once('end', resolve))
      .once('error', reject)
      .end()
  })
}

const BYPASSED =
  /inside of a session, a request was sent to your gateway without the key, by a client that is not wrapped/
const NO_SESSION = /a call was made outside of any session/

describe('warnBypassed', () => {
  const senders = {
    fetch: (url: string) => fetch(url).then((response) => response.text()),
    'node:http': (url: string) => byHttp(url),
    'an SDK client that is not wrapped': (url: string) =>
      client(new URL('/v1', url).href).chat.completions.create(turn),
  }

  it.each(Object.entries(senders))('warns once of requests by %s', async (_, send) => {
    await using server = await startRecorder()
    const { withAffinity, runWithSession } = await fresh()
    withAffinity(client(server.baseURL), { warnBypassed: true })
    await runWithSession('conversation-42', async () => {
      await send(`${server.baseURL}/models`)
      await send(`${server.baseURL}/models`)
    })
    expect(warnings()).toEqual([expect.stringMatching(BYPASSED)])
    expect(warnings()[0]).toContain('withAffinity')
    expect(warnings()[0]).not.toContain('127.0.0.1')
  })

  it('does not warn of anything else', async () => {
    await using server = await startRecorder()
    await using other = await startRecorder()
    const { withAffinity, runWithSession, runWithoutSession, instrument } = await fresh()
    const openai = withAffinity(client(server.baseURL), { warnBypassed: true })
    const url = `${server.baseURL}/models`
    await fetch(url)
    await runWithSession('conversation-42', async () => {
      await openai.chat.completions.create(turn)
      await openai.chat.completions.create({ ...turn, stream: true }).then(async (stream) => {
        for await (const _ of stream) expect(_).toBeDefined()
      })
      await runWithoutSession(() => fetch(url))
      await runWithoutSession(() => openai.chat.completions.create(turn))
      await fetch(url, { headers: { 'x-session-id': 'my-own' } })
      await byHttp(url, { 'X-Session-Id': 'my-own' })
      await fetch(`${server.origin}/health`)
      await fetch(`${server.baseURL}/oauth/token`, { method: 'POST' })
      await fetch(`${other.baseURL}/models`)
      const undo = instrument({ origins: server.origin })
      await fetch(url)
      await byHttp(url)
      undo()
    })
    expect(warnings()).toEqual([])
    // The same copy does warn.
    await runWithSession('conversation-42', () => fetch(url))
    expect(warnings()).toEqual([expect.stringMatching(BYPASSED)])
  })

  it('does not warn of calls that an integration has left unstamped for a reason', async () => {
    await using server = await startRecorder()
    const { withAffinity, affinityFetch, runWithSession, Session } = await fresh()
    const gateway = {
      name: 'ours',
      headers: ['x-key'],
      body: { field: 'prompt_cache_key', paths: ['/chat/completions'] },
    }
    const openai = withAffinity(client(server.baseURL), { gateway, warnBypassed: true })
    affinityFetch({ origins: server.origin, warnBypassed: true })
    const send = affinityFetch({ origins: server.origin })
    const url = `${server.baseURL}/models`
    await runWithSession('conversation-42', async () => {
      await openai.chat.completions.create({ ...turn, prompt_cache_key: 'my-own' })
      await withAffinity(client(server.baseURL), { gateway: 'none' }).chat.completions.create(turn)
      await withAffinity(openai, { session: new Session('') }).chat.completions.create(turn)
      await send(url, { referrer: 'http://page.test/' })
      await send(url, {
        get headers() {
          return {}
        },
      })
      await send(new Request(url, { referrer: 'http://page.test/' }))
    })
    expect(server.requests.map((request) => request.header('x-key') ?? request.header('x-session-id'))).toEqual(
      Array(6).fill(undefined),
    )
    expect(warnings().filter((text) => BYPASSED.test(text))).toEqual([])
    // What the integration does not answer for is another matter.
    const elsewhere = affinityFetch({ origins: 'http://elsewhere.test' })
    await runWithSession('conversation-42', () => elsewhere(url))
    expect(warnings().filter((text) => BYPASSED.test(text))).toHaveLength(1)
  })

  it.each([
    ['development', undefined, 1],
    ['development', false, 0],
    ['production', undefined, 0],
    ['production', true, 1],
  ])('with NODE_ENV %s and the option %s it gives %i warnings', async (env, warnBypassed, count) => {
    vi.stubEnv('NODE_ENV', env)
    await using server = await startRecorder()
    const { affinityFetch, runWithSession } = await fresh()
    affinityFetch({ origins: server.origin, ...(warnBypassed !== undefined && { warnBypassed }) })
    await runWithSession('conversation-42', () => fetch(server.origin))
    expect(warnings().length).toBe(count)
  })

  it('watches at most 100 origins', async () => {
    const { affinityFetch, runWithSession } = await fresh()
    for (let i = 0; i < 100; i++) affinityFetch({ origins: `http://gateway-${i}.test`, warnBypassed: true })
    await using server = await startRecorder()
    affinityFetch({ origins: server.origin, warnBypassed: true })
    await runWithSession('conversation-42', () => fetch(server.origin))
    expect(warnings()).toEqual([])
  })
})

describe('warnBypassed and what Node announces in a form that is not known', () => {
  const to = { origin: 'http://gateway.test', path: '/v1/chat/completions' }
  const http = { protocol: 'http:', host: 'gateway.test', path: '/v1', getHeader: () => undefined }
  const later = (): (() => boolean) => {
    let calls = 0
    return () => {
      if (calls++ > 0) throw new Error('not any more')
      return false
    }
  }
  it.each([
    ['undici:request:create', 'headers in one string, as undici 5 has', { ...to, headers: 'accept: */*\r\n' }],
    ['undici:request:create', 'a name that is no text', { ...to, headers: [Object.create(null), ''] }],
    ['undici:request:create', 'no request', undefined],
    ['http.client.request.created', 'no headers', http],
    ['http.client.request.created', 'headers that cannot be read later', { ...http, hasHeader: later() }],
  ])('does not fail: %s, %s', async (name, _, request) => {
    const { affinityFetch, runWithSession } = await fresh()
    affinityFetch({ origins: 'http://gateway.test', gateway: { name: 'ours', headers: ['x-key'] }, warnBypassed: true })
    const failures = vi.fn()
    process.on('uncaughtException', failures)
    runWithSession('conversation-42', () => channel(name).publish({ request }))
    await new Promise((resolve) => setImmediate(resolve))
    process.off('uncaughtException', failures)
    expect(failures).not.toHaveBeenCalled()
    expect(warnings()).toEqual([])
  })
})

describe('warnNoSession', () => {
  it('warns once of a call outside of any session, where it is asked to', async () => {
    await using server = await startRecorder()
    await using other = await startRecorder()
    const { withAffinity, patchGlobalFetch, runWithSession, runWithoutSession, Session } = await fresh()
    const openai = withAffinity(client(server.baseURL), { warnNoSession: true })
    await withAffinity(client(server.baseURL)).chat.completions.create(turn)
    await runWithSession('conversation-42', () => openai.chat.completions.create(turn))
    await runWithoutSession(() => openai.chat.completions.create(turn))
    await withAffinity(openai, { session: new Session() }).chat.completions.create(turn)
    const undo = patchGlobalFetch({ origins: server.origin, warnNoSession: true })
    await fetch(other.origin)
    undo()
    expect(warnings()).toEqual([])
    await openai.chat.completions.create(turn)
    await openai.chat.completions.create(turn)
    expect(warnings()).toEqual([expect.stringMatching(NO_SESSION)])
  })
})

it('rejects a value that is no boolean', async () => {
  const { affinityFetch } = await fresh()
  expect(() => affinityFetch({ warnBypassed: 'yes' as never })).toThrow(
    'Expected `warnBypassed` to be a boolean, got a string',
  )
})
