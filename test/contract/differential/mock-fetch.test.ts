import { affinityFetch, type Fetch, runWithSession } from 'llm-affinity'
import { describe, expect, it } from 'vitest'

const COMPLETION = { id: 'x', object: 'chat.completion', choices: [] }
const HEADERS = { 'content-type': 'application/json' }
const response = (): Response => new Response(JSON.stringify(COMPLETION), { headers: HEADERS })
const object = (): object => ({ ok: true, status: 200, headers: new Headers(HEADERS), json: async () => COMPLETION })
const redirect = (): Response => new Response('moved', { status: 307, headers: { location: '/next' } })

// Mocks as tests write them, which do not conform to the type of fetch.
const mocks: [string, () => unknown][] = [
  ['a promise of a Response', async () => response()],
  ['a Response', response],
  ['a promise of an object', async () => object()],
  ['an object', object],
  ['a frozen object', async () => Object.freeze(object())],
  ['an object without headers', async () => ({ ok: true, status: 200, json: async () => COMPLETION })],
  ['an object with a Map of headers', async () => ({ status: 200, headers: new Map(), json: async () => COMPLETION })],
  ['an object with null headers', async () => ({ status: 200, headers: null, json: async () => COMPLETION })],
]

describe.each([
  ['without a listener', {}],
  ['with a listener', { onOutcome: () => {} }],
])('a mock fetch, %s', (_name, options) => {
  const called = (mock: () => unknown): Promise<Response> =>
    runWithSession('conversation-42', async () =>
      affinityFetch({ fetch: mock as Fetch, ...options })('http://mock.test/v1/chat/completions', { method: 'POST' }),
    )

  it.each(mocks)('returns the same object to the caller: %s', async (_kind, mock) => {
    const given = await mock()
    const answer = await called(() => (mock() instanceof Promise ? Promise.resolve(given) : given))
    expect(answer).toBe(given)
    expect(await answer.json()).toEqual(COMPLETION)
  })

  it('may return a thenable', async () => {
    // biome-ignore lint/suspicious/noThenProperty: this is what is tested
    const answer = await called(() => ({ then: (done: (value: unknown) => void) => done(response()) }))
    expect(await answer.json()).toEqual(COMPLETION)
  })

  it('is not called again after it returns a redirect', async () => {
    let calls = 0
    const answer = await called(async () => {
      calls++
      return redirect()
    })
    expect(answer.status).toBe(307)
    expect(await answer.text()).toBe('moved')
    expect(calls).toBe(1)
  })

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a string', 'answer'],
  ])('returns %s to the caller unchanged', async (_kind, value) => {
    expect(await called(async () => value)).toBe(value)
  })

  it('rejects with the error that it throws synchronously', async () => {
    const error = new RangeError('not today')
    await expect(
      called(() => {
        throw error
      }),
    ).rejects.toBe(error)
  })

  it.each([
    ['a string', 'not today'],
    ['undefined', undefined],
  ])('rejects with its own reason: %s', async (_kind, reason) => {
    await expect(called(() => Promise.reject(reason))).rejects.toBe(reason)
  })
})
