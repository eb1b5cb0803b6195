import { assertGivenBack, startBalancer, startRecorder } from 'llm-affinity-testkit'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'

const backend = await startRecorder()
afterAll(() => backend.close())
beforeEach(() => backend.clear())

const ask = (origin: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${origin}/v1/chat/completions`, { method: 'POST', body: '{"model":"m","messages":[]}', headers })

describe('a balancer that hands out what it pins by', () => {
  it.each([
    ['a token', { token: 'X-Session-Token' }, 'x-session-token', (value: string) => ({ 'x-session-token': value })],
    ['a cookie', { cookie: 'lb' }, 'set-cookie', (value: string) => ({ cookie: `a=1; ${value.split(';')[0]}` })],
  ])('keeps those who give %s back, and hands out another to all others', async (_, policy, name, given) => {
    const two = await startRecorder()
    const targets = [backend, two].map(({ origin }, at) => ({ name: `backend-${at}`, origin }))
    await using balancer = await startBalancer({ targets, policy })
    const first = await ask(balancer.origin)
    const value = first.headers.get(name) ?? ''
    for (let turn = 0; turn < 3; turn++) {
      const again = await ask(balancer.origin, given(value))
      expect(again.headers.get(name)).toBeNull()
    }
    const unknown = await ask(balancer.origin, given(value.replace(/[0-9a-f]{16}/, 'f'.repeat(16))))
    expect(unknown.headers.get(name)).not.toBeNull()
    expect(backend.requests.length).toBe(4)
    expect(two.requests.length).toBe(1)
    await two.close()
  })

  it('says no for no name', async () => {
    await expect(startBalancer({ targets: [backend.origin], policy: { token: '' } })).rejects.toThrow(TypeError)
  })
})

describe('assertGivenBack', () => {
  it('returns the value that all requests but the first give back', async () => {
    await ask(backend.origin)
    await ask(backend.origin, { 'x-token': 'a', cookie: 'b=1; lb=c' })
    await ask(backend.origin, { 'x-token': 'a', cookie: 'lb=c' })
    expect(assertGivenBack(backend.requests, 'x-token')).toBe('a')
    expect(assertGivenBack(backend, 'cookie:lb')).toBe('c')
    expect(() => assertGivenBack(backend, 'cookie:b')).toThrow(
      /value of the second request in cookie:b, got nothing on request 3/,
    )
  })

  it('fails for a first request that has one, for other values, and for one request', async () => {
    await ask(backend.origin, { 'x-token': 'a' })
    expect(() => assertGivenBack(backend, 'x-token')).toThrow(/at least two requests/)
    await ask(backend.origin, { 'x-token': 'a' })
    expect(() => assertGivenBack(backend, 'x-token')).toThrow(
      /Expected nothing in x-token, got another one on request 1/,
    )
    await ask(backend.origin, { 'x-token': 'b' })
    expect(() => assertGivenBack(backend.requests.slice(1), 'x-token')).toThrow(/request 1/)
  })
})
