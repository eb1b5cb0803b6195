import { affinityFetch, type Fetch, runWithSession, Session } from 'llm-affinity'
import { Agent, type Dispatcher } from 'undici7'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { recorder } from '../support/recorder.ts'
import { keyOn, keysAt } from '../support/wire.ts'

const home = await recorder()
const foreign = await recorder()

const KEY = 'conversation-42'
const inScope = <T>(fn: () => T): T => runWithSession(KEY, fn)
const ours = affinityFetch()
const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"model":"m"}' }
const chat = (): string => `${home.origin}/v1/chat/completions`

/** What a caller can see of an answer, or of the error in its place. */
async function seen(call: Promise<Response>): Promise<unknown> {
  try {
    const { status, url, redirected, headers } = await call
    return { status, url, redirected, location: headers.get('location') }
  } catch (error) {
    return error instanceof TypeError ? { name: error.name, message: error.message } : error
  }
}

describe('the arguments that are passed on', () => {
  const calls: unknown[][] = []
  const spying: Fetch = (...args) => {
    calls.push(args)
    return fetch(...args)
  }
  beforeEach(() => {
    calls.length = 0
  })

  it('are the same arguments without a session', async () => {
    const through = affinityFetch({ fetch: spying })
    const request = new Request(chat(), post)
    await through(request)
    await through(chat(), post)
    expect(calls).toHaveLength(2)
    expect(calls[0]).toHaveLength(1)
    expect(calls[0]?.[0]).toBe(request)
    expect(calls[1]?.[1]).toBe(post)
  })

  it('are the same arguments if the caller has set a header, or the origin is not named', async () => {
    const through = affinityFetch({ fetch: spying, origins: home.origin })
    const own = { ...post, headers: new Headers({ 'X-Session-ID': 'mine' }) }
    await inScope(() => through(chat(), own))
    await inScope(() => through(`${foreign.origin}/v1/models`, post))
    expect(calls[0]?.[1]).toBe(own)
    expect(calls[1]?.[1]).toBe(post)
  })

  it('never writes to an object of the caller', async () => {
    const headers = new Headers(post.headers)
    const shared = Object.freeze({ ...post, headers })
    const plain = Object.freeze({ ...post, headers: Object.freeze({ ...post.headers }) })
    const request = new Request(chat(), post)
    await Promise.all(
      ['session-a', 'session-b'].flatMap((id) =>
        runWithSession(id, () => [ours(chat(), shared), ours(chat(), plain), ours(request.clone())]),
      ),
    )
    expect([...headers]).toEqual([['content-type', 'application/json']])
    expect(request.headers.has('x-session-id')).toBe(false)
    expect(keysAt(home).toSorted()).toEqual(['a', 'a', 'a', 'b', 'b', 'b'].map((each) => `session-${each}`))
  })

  it('reads the global fetch at each call, so that tracing and tests that replace it are seen', async () => {
    const before = globalThis.fetch
    try {
      globalThis.fetch = async (...args) => {
        calls.push(args)
        return before(...args)
      }
      await inScope(() => ours(chat(), post))
      expect(calls).toHaveLength(1)
    } finally {
      globalThis.fetch = before
    }
  })
})

describe('every shape of a call', () => {
  const stream = (): ReadableStream => new Blob([post.body]).stream()
  class Init {
    get method(): string {
      return 'POST'
    }
    get headers(): Record<string, string> {
      return post.headers
    }
    get body(): string {
      return post.body
    }
  }
  const bytes = new TextEncoder().encode(post.body)
  const form = new FormData()
  form.set('model', 'm')

  const shapes: [string, (url: string) => Parameters<Fetch>, string | RegExp][] = [
    ['a URL', (url) => [new URL(url), post], post.body],
    ['a string, with a Headers', (url) => [url, { ...post, headers: new Headers(post.headers) }], post.body],
    ['a string, with pairs', (url) => [url, { ...post, headers: Object.entries(post.headers) }], post.body],
    ['a string, without headers', (url) => [url, { method: 'POST', body: post.body }], post.body],
    ['a string alone', (url) => [url], ''],
    ['a Request', (url) => [new Request(url, post)], post.body],
    ['a Request without a body', (url) => [new Request(url)], ''],
    ['a Request, with an init', (url) => [new Request(url, post), { headers: { 'x-other': '1' } }], post.body],
    ['a Request, with another body', (url) => [new Request(url, post), { body: '{}' }], '{}'],
    ['a Request of a stream', (url) => [new Request(url, { ...post, body: stream(), duplex: 'half' })], post.body],
    ['a string, with a Request for its init', (url) => [url, new Request(url, post)], post.body],
    ['a string, with an object of getters', (url) => [url, new Init() as RequestInit], post.body],
    ['bytes', (url) => [url, { ...post, body: bytes }], post.body],
    ['a Blob', (url) => [url, { ...post, body: new Blob([post.body]) }], post.body],
    ['a form', (url) => [url, { method: 'POST', body: form }], /name="model"\r\n\r\nm\r\n/],
    ['a query', (url) => [url, { method: 'POST', body: new URLSearchParams({ a: 'b' }) }], 'a=b'],
    ['a stream', (url) => [url, { ...post, body: stream(), duplex: 'half' } as RequestInit], post.body],
  ]

  it.each(shapes)('is stamped: %s', async (_shape, make, body) => {
    await fetch(...make(chat()))
    await inScope(() => ours(...make(chat())))
    const [bare, stamped] = home.requests
    if (bare === undefined || stamped === undefined) throw new Error('two calls, please')
    expect([keyOn(bare), keyOn(stamped)]).toEqual([undefined, KEY])
    expect(stamped.method).toBe(bare.method)
    expect(stamped.text()).toEqual(body instanceof RegExp ? expect.stringMatching(body) : body)
    const names = (request: typeof bare): string[] => request.rawHeaders.map(([name]) => name.toLowerCase()).toSorted()
    expect(names(stamped)).toEqual([...names(bare), 'x-litellm-session-id', 'x-session-id'].toSorted())
  })

  // Not a Request of a stream: bare fetch cannot send it again, and says so; ours can.
  it.each(shapes.filter(([shape]) => shape !== 'a Request of a stream'))(
    'is followed through a 307 and a 303 as fetch does it: %s',
    async (_shape, make) => {
      for (const status of [307, 303]) {
        const got: unknown[] = []
        for (const send of [fetch, (...args: Parameters<Fetch>) => inScope(() => ours(...args))]) {
          home.clear()
          foreign.clear()
          home.script({ status, headers: { location: `${foreign.origin}/v1/elsewhere?a=b` } })
          const answer = await seen(send(...make(`${chat()}#part`)))
          got.push({
            answer,
            arrived: foreign.requests.map((request) => [
              request.method,
              request.path,
              request.text().replace(/-+formdata\S+/g, ''),
              request.header('content-type')?.replace(/boundary=.*/, ''),
              keyOn(request),
            ]),
          })
        }
        expect(got[1]).toEqual(got[0])
      }
    },
  )

  it('a Request that was used already fails as it does with fetch', async () => {
    const used = async (): Promise<Request> => {
      const request = new Request(chat(), post)
      await request.text()
      return request
    }
    const bare = await seen(fetch(await used()))
    const request = await used()
    expect(await seen(inScope(() => ours(request)))).toEqual(bare)
    expect(home.requests).toHaveLength(0)
  })

  it.each<[string, NonNullable<RequestInit['headers']>]>([
    ['an invalid name', { 'a b': '1' }],
    ['a triple in place of a pair', [['a', 'b', 'c']] as never],
  ])('headers with %s fail as they do with fetch, and are no fault of ours', async (_what, headers) => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const gateway = { name: 'by-field', headers: [], body: { field: 'key', paths: ['/chat/completions'] } }
    const call = { ...post, headers }
    const bare = await seen(fetch(chat(), call))
    expect(await seen(inScope(() => affinityFetch({ gateway })(chat(), call)))).toEqual(bare)
    expect(bare).toHaveProperty('name', 'TypeError')
    expect(warned).not.toHaveBeenCalled()
    warned.mockRestore()
  })

  it.each(['http://', 'not a url', 'gopher://gateway/', 'data:text/plain,x'])(
    'a call to %s ends as it does with fetch',
    async (url) => {
      expect(await seen(inScope(() => ours(url)))).toEqual(await seen(fetch(url)))
    },
  )
})

describe.each<[string, Fetch]>([
  ['over the platform’s fetch', ours],
  ['over a fetch whose requests cannot be checked', affinityFetch({ fetch: (...args) => fetch(...args) })],
])('redirects %s', (_over, ours) => {
  const locations: [string, () => string | undefined][] = [
    ['a path', () => '/v1/models'],
    ['another origin', () => `${foreign.origin}/v1/models`],
    ['a fragment', () => '/v1/models#there'],
    ['nowhere', () => undefined],
    ['nothing', () => ''],
    ['what is no URL', () => 'http://'],
    ['another scheme', () => 'ftp://127.0.0.1/x'],
    ['a data URL', () => 'data:text/plain,x'],
    ['credentials elsewhere', () => foreign.origin.replace('//', '//user:secret@')],
    ['a port that is blocked', () => 'http://127.0.0.1:22/'],
    ['a port where nobody listens', () => 'http://127.0.0.1:9/'],
  ]

  describe.each(['follow', 'manual', 'error'] as const)('with redirect: %s', (redirect) => {
    it.each(locations)('give what fetch gives: to %s', async (_where, location) => {
      for (const status of [300, 301, 302, 303, 304, 307, 308]) {
        const to = location()
        const step = { status, headers: to === undefined ? {} : { location: to } }
        home.script(step)
        const bare = await seen(fetch(chat(), { ...post, redirect }))
        home.script(step)
        const got = await seen(inScope(() => ours(chat(), { ...post, redirect })))
        expect(got, String(status)).toEqual(bare)
        home.script(step)
        const request = new Request(chat(), { ...post, redirect })
        expect(await seen(inScope(() => ours(request))), `${status}, a Request`).toEqual(bare)
      }
      expect(foreign.requests.map(keyOn).every((key) => key === undefined)).toBe(true)
    })
  })

  it('sends no credentials to another origin, and keeps them at the same', async () => {
    const headers = { authorization: 'Bearer secret', cookie: 'a=b', 'proxy-authorization': 'x', 'x-api-key': 'k' }
    home.script(
      { status: 307, headers: { location: '/v1/again' } },
      { status: 307, headers: { location: `${foreign.origin}/v1/away` } },
    )
    await inScope(() => ours(chat(), { ...post, headers }))
    expect(home.requests.map((request) => request.header('authorization'))).toEqual(['Bearer secret', 'Bearer secret'])
    for (const name of ['authorization', 'cookie', 'proxy-authorization']) {
      expect(foreign.requests[0]?.header(name)).toBeUndefined()
    }
  })

  it('carries the key that the session has at each hop', async () => {
    const session = new Session(KEY)
    home.script({ status: 307, headers: { location: '/v1/again' } })
    const moving = affinityFetch({
      session,
      fetch: async (...args) => {
        const response = await fetch(...args)
        session.repin()
        return response
      },
    })
    await moving(chat(), post)
    expect(keysAt(home)[0]).toBe(KEY)
    expect(keysAt(home)[1]).toMatch(/^[0-9a-f]{32}$/)
  })

  it('are followed by the integration if the global dispatcher is another library’s, which may send a request anywhere', async () => {
    class Relay {
      dispatch = (...args: Parameters<Dispatcher['dispatch']>): boolean => agent.dispatch(...args)
    }
    const agent = new Agent()
    const slot = Symbol.for('undici.globalDispatcher.1')
    const before: unknown = Reflect.get(globalThis, slot)
    Reflect.set(globalThis, slot, new Relay())
    try {
      home.script({ status: 307, headers: { location: `${foreign.origin}/v1/chat/completions` } })
      const response = await inScope(() => ours(chat(), post))
      // Only a hop of ours has the property itself: the platform's is on the prototype.
      expect(Object.hasOwn(response, 'redirected')).toBe(true)
      expect(keysAt(home)).toEqual([KEY])
      expect(keysAt(foreign)).toEqual([undefined])
    } finally {
      Reflect.set(globalThis, slot, before)
      await agent.close()
    }
  })

  it('stops when the caller does', async () => {
    const abort = new AbortController()
    home.script({ status: 307, headers: { location: '/v1/again' } }, { stall: 60_000 })
    const call = inScope(() => ours(new Request(chat(), { ...post, signal: abort.signal })))
    while (home.requests.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    abort.abort(new Error('enough'))
    await expect(call).rejects.toThrow('enough')
  })

  it('answers of stamped calls that were not redirected are marked so', async () => {
    const response = await inScope(() => ours(new Request(chat(), post)))
    expect(response.redirected).toBe(false)
    expect(await response.json()).toHaveProperty('choices')
  })

  it.each([
    ['a path of UTF-8 bytes', () => Buffer.from('/v1/é/日本').toString('latin1')],
    ['a path of raw Latin-1', () => '/v1/\u00ff'],
    ['a path behind a byte order mark', () => Buffer.from('\uFEFF/v1/models').toString('latin1')],
    ['a path to be normalised', () => '/v1/./x/../models?'],
    ['a path without a scheme', () => `//${home.origin.slice(7)}/v1/models`],
  ])('lead where fetch lets them lead: %s', async (_what, location) => {
    const paths: (string | undefined)[] = []
    for (const send of [fetch, (...args: Parameters<Fetch>) => inScope(() => ours(...args))]) {
      home.clear()
      home.script({ status: 307, headers: { location: location() } })
      await send(chat(), post)
      paths.push(home.requests[1]?.path)
    }
    expect(paths[0]).toBeDefined()
    expect(paths[1]).toBe(paths[0])
  })

  it.each(['HEAD', 'GET', 'PUT'])('keep or change the method of a %s as fetch does', async (method) => {
    for (const status of [301, 302, 303, 307, 308]) {
      const arrived: unknown[] = []
      for (const send of [fetch, (...args: Parameters<Fetch>) => inScope(() => ours(...args))]) {
        home.clear()
        home.script({ status, headers: { location: '/v1/again' } })
        await send(chat(), { method })
        arrived.push(home.requests.map((each) => [each.method, each.path]))
      }
      expect(arrived[1], String(status)).toEqual(arrived[0])
      expect(arrived[0]).toHaveLength(2)
    }
  })

  it('keep what a Request carries', async () => {
    const arrived: unknown[] = []
    for (const send of [fetch, (...args: Parameters<Fetch>) => inScope(() => ours(...args))]) {
      home.clear()
      home.script({ status: 307, headers: { location: '/v1/again' } })
      await send(new Request(chat(), { ...post, cache: 'no-store', mode: 'same-origin' }), { body: null })
      const names = ['cache-control', 'pragma', 'sec-fetch-mode']
      arrived.push(home.requests.map((each) => [each.text(), ...names.map((name) => each.header(name))]))
    }
    expect(arrived[1]).toEqual(arrived[0])
    expect(arrived[0]).toHaveLength(2)
  })

  it('fail to another origin if the caller follows none', async () => {
    for (const send of [fetch, (...args: Parameters<Fetch>) => inScope(() => ours(...args))]) {
      home.script({ status: 307, headers: { location: `${foreign.origin}/v1/models` } })
      await expect(send(chat(), { ...post, mode: 'same-origin' })).rejects.toThrow('fetch failed')
    }
    expect(foreign.requests).toHaveLength(0)
  })

  it('are not aborted by the signal of a Request that the init overrides', async () => {
    const abort = new AbortController()
    const request = new Request(chat(), { ...post, signal: abort.signal })
    home.script({ stall: 30 }, { stall: 30 })
    const call = inScope(() => ours(request, { signal: null }))
    abort.abort()
    expect((await call).status).toBe(200)
  })
})

describe('integrations in a row', () => {
  it('stamp for one session, the outermost integration’s', async () => {
    const inner = affinityFetch({ gateway: 'olla' })
    const outer = affinityFetch({ session: new Session('bound-session'), fetch: inner })
    await runWithSession('ambient-session', () => outer(chat(), post))
    const [request] = home.requests
    expect(request?.header('x-session-id')).toBe('bound-session')
    expect(request?.header('x-olla-session-id')).toBe('bound-session')
  })
})
