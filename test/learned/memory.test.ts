import { createServer, type IncomingHttpHeaders } from 'node:http'
import { affinityFetch, runWithSession, Session } from 'llm-affinity'
import { LearnedState, type LearnedStateOptions } from 'llm-affinity/learned'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { listen } from '../../packages/testkit/src/servers/listen.ts'

interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string | string[]>>
}

let received: IncomingHttpHeaders[] = []
let answers: Answer[] = []
const server = createServer((request, response) => {
  received.push(request.headers)
  const { status = 200, headers = { 'x-token': `token-${received.length}` } } = answers.shift() ?? {}
  request.resume().once('end', () => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end('{}')
  })
})
const { origin, close } = await listen(server, 0)
afterAll(close)
beforeEach(() => {
  received = []
  answers = []
})

const tokens = (): unknown[] => received.map((headers) => headers['x-token'])

function clientOf(options: LearnedStateOptions = { headers: ['x-token'] }): {
  learned: LearnedState
  call: (path?: string) => Promise<number>
} {
  const learned = new LearnedState(options)
  const send = affinityFetch({ use: learned })
  const call = async (path = '/v1/chat/completions'): Promise<number> => {
    const response = await send(origin + path, { method: 'POST', body: '{}' })
    await response.arrayBuffer()
    return response.status
  }
  return { learned, call }
}

describe('what a session has learned', () => {
  it('is found again by a string id', async () => {
    const { call } = clientOf()
    for (let turn = 0; turn < 3; turn++) await runWithSession('conversation-42', () => call())
    expect(tokens()).toEqual([undefined, 'token-1', 'token-2'])
  })

  it('belongs to this session, and not to its lanes, children, forks or another epoch', async () => {
    const { call } = clientOf()
    const session = new Session('conversation-42')
    await session.run(() => call())
    await session.lane('titles').run(() => call())
    await session.child('agent').run(() => call())
    await session.fork().run(() => call())
    session.repin()
    await session.run(() => call())
    expect(tokens()).toEqual([undefined, undefined, undefined, undefined, undefined])
  })

  it('is also what a fork that shares the cache begins with, and not changed by it', async () => {
    const { call } = clientOf()
    const session = new Session('conversation-42')
    await session.run(() => call())
    const fork = session.fork({ shareCache: true })
    await fork.run(() => call())
    await fork.run(() => call())
    await session.run(() => call())
    expect(tokens()).toEqual([undefined, 'token-1', 'token-2', 'token-1'])
  })

  it('leaves a fork that shares the cache its key, also where the parent was moved', async () => {
    const { call } = clientOf()
    const session = new Session('conversation-42')
    session.repin()
    await session.run(() => call())
    const fork = session.fork({ shareCache: true })
    await fork.run(() => call())
    expect(fork.key).toBe(session.key)
    expect(tokens()).toEqual([undefined, 'token-1'])
  })

  it('goes through toJSON and from, into another process and back, and does not grow', async () => {
    const one = clientOf()
    const session = new Session('conversation-42')
    await session.run(() => one.call())
    let text = JSON.stringify(session)
    const { length } = text
    for (let turn = 0; turn < 5; turn++) {
      const { call } = clientOf()
      const restored = Session.from(JSON.parse(text))
      expect(JSON.stringify(restored)).toBe(text)
      await restored.run(() => call())
      text = JSON.stringify(restored)
    }
    expect(tokens()).toEqual([undefined, 'token-1', 'token-2', 'token-3', 'token-4', 'token-5'])
    expect(text.length).toBe(length)
  })

  it('is not believed where a stored state was forged', async () => {
    const { call } = clientOf()
    const state = new Session('conversation-42').toJSON()
    const handed = { value: 'a\r\nb: c', at: 1 }
    for (const learned of [1, [], { moves: -1 }, { moves: 1, epoch: 0, places: { [origin]: { 'x-token': handed } } }]) {
      await Session.from({ ...state, held: { learned } }).run(() => call())
    }
    expect(tokens()[0]).toBeUndefined()
    expect(received.every((headers) => headers.b === undefined)).toBe(true)
  })

  it('ends with `end`, and can be looked at by names only', async () => {
    const { learned, call } = clientOf()
    const session = new Session('conversation-42')
    await session.run(() => call())
    expect(learned.get(new Session('conversation-42'))).toEqual({ moves: 0, places: { [origin]: ['x-token'] } })
    await learned.end(new Session('conversation-42'))
    expect(learned.get(session)?.places).toEqual({})
    await session.run(() => call())
    expect(tokens()).toEqual([undefined, undefined])
  })

  it('follows a session that the application re-pins through another object', async () => {
    const { call } = clientOf()
    const session = new Session('conversation-42')
    session.repin()
    await session.run(() => call())
    await runWithSession('conversation-42', () => call())
    expect(tokens()).toEqual([undefined, 'token-1'])
    expect(new Set(received.map((headers) => headers['x-session-id']))).toEqual(new Set([session.key]))
  })
})

it('what an answer to a call from before a move hands out is not learned', async () => {
  const { learned, call } = clientOf()
  const session = new Session('conversation-42')
  const first = session.run(() => call())
  session.repin()
  const second = session.run(() => call())
  await Promise.all([first, second])
  await session.run(() => call())
  expect(tokens().slice(0, 2)).toEqual([undefined, undefined])
  const [, , third] = received
  expect(third?.['x-session-id']).toBe(session.key)
  const of = received.findIndex((headers) => headers['x-session-id'] === session.key) + 1
  expect(third?.['x-token']).toBe(`token-${of}`)
  expect(learned.get(session)?.moves).toBe(1)
})

describe('calls that wait for the first answer of their session', () => {
  const never = 2 ** 31 - 1
  const options = { headers: ['x-token'], firstTurnMs: never }

  it.each<[string, Answer]>([
    ['an error', { status: 500, headers: {} }],
    ['an answer that hands out nothing', { headers: {} }],
    ['a redirect to the same origin', { status: 307, headers: { location: '/elsewhere' } }],
  ])('go on after %s', async (_, first) => {
    const { call } = clientOf(options)
    answers = [first]
    await new Session().run(() => Promise.all([call(), call(), call()]))
    expect(received.length).toBe(first.status === 307 ? 4 : 3)
  })

  it('go on when it is aborted, and when they are aborted themselves', async () => {
    const hung = createServer(() => {})
    const { origin: at, close: end } = await listen(hung, 0)
    try {
      const send = affinityFetch({ use: new LearnedState(options) })
      const aborts = Array.from({ length: 3 }, () => new AbortController())
      const calls = new Session().run(() =>
        aborts.map(({ signal }) => send(at, { signal }).catch(({ name }: Error) => name)),
      )
      // The second one while it waits for the first.
      aborts[1]?.abort()
      expect(await calls[1]).toBe('AbortError')
      aborts[0]?.abort()
      expect(await calls[0]).toBe('AbortError')
      aborts[2]?.abort()
      expect(await calls[2]).toBe('AbortError')
    } finally {
      await end()
    }
  })

  it('are not held up by a call that was not stamped, nor by themselves where integrations are nested', async () => {
    const learned = new LearnedState(options)
    const inner = affinityFetch({ use: learned })
    const send = affinityFetch({ use: learned, fetch: inner })
    const session = new Session()
    await session.run(async () => {
      // The caller's own key: nothing is written, so there is no first answer to wait for.
      await (await send(origin, { headers: { 'x-session-id': 'mine' } })).text()
      await (await send(origin)).text()
      await (await send(origin)).text()
    })
    expect(tokens()).toEqual([undefined, undefined, 'token-2'])
  })

  it('are sent as they were when they were made', async () => {
    const { learned } = clientOf(options)
    const send = affinityFetch({ use: learned })
    const headers = new Headers({ 'x-mine': 'first' })
    await new Session().run(async () => {
      const one = send(origin)
      const two = send(origin, { headers })
      headers.set('x-mine', 'changed')
      await Promise.all([one, two])
    })
    expect(received.map((each) => each['x-mine'])).toEqual([undefined, 'first'])
  })

  it('do not wait with `firstTurnMs` of 0', async () => {
    const { call } = clientOf({ headers: ['x-token'], firstTurnMs: 0 })
    await new Session().run(() => Promise.all([call(), call()]))
    expect(tokens()).toEqual([undefined, undefined])
  })
})

describe('a value is dropped', () => {
  it.each([401, 403, 502, 503, 504])('after a %i', async (status) => {
    const { call } = clientOf()
    answers = [{}, { status, headers: {} }, {}]
    for (let turn = 0; turn < 3; turn++) await runWithSession('conversation-42', () => call())
    expect(tokens()).toEqual([undefined, 'token-1', undefined])
  })

  it.each([400, 404, 429, 500])('but not after a %i', async (status) => {
    const { call } = clientOf()
    answers = [{}, { status, headers: {} }, {}]
    for (let turn = 0; turn < 3; turn++) await runWithSession('conversation-42', () => call())
    expect(tokens()).toEqual([undefined, 'token-1', 'token-1'])
  })

  it('when a cookie is removed or expires, and it is only sent below its path', async () => {
    const { call } = clientOf({ cookies: ['lb'] })
    answers = [
      { headers: { 'set-cookie': ['lb=a; Path=/v1', 'other=1'] } },
      { headers: {} },
      { headers: {} },
      { headers: { 'set-cookie': 'lb=; Max-Age=0' } },
      { headers: {} },
    ]
    const paths = ['/v1/chat/completions', '/v1/responses', '/v2/responses', '/v1/responses', '/v1/responses']
    for (const path of paths) await runWithSession('conversation-42', () => call(path))
    expect(received.map(({ cookie }) => cookie)).toEqual([undefined, 'lb=a', undefined, 'lb=a', undefined])
  })

  it('when the server closes its session, as SageMaker does', async () => {
    const { call } = clientOf({ issuer: 'sagemaker' })
    const opened = { headers: { 'x-amzn-sagemaker-new-session-id': 'abc-1' } }
    answers = [opened, { headers: {} }, { headers: { 'x-amzn-sagemaker-closed-session-id': 'abc-1' } }, opened]
    for (let turn = 0; turn < 4; turn++) await runWithSession('conversation-42', () => call())
    const sent = received.map((headers) => headers['x-amzn-sagemaker-session-id'])
    expect(sent).toEqual(['NEW_SESSION', 'abc-1', 'abc-1', 'NEW_SESSION'])
  })
})

describe('a token', () => {
  it.each([
    ['of more than 4096 characters', { 'x-token': 'a'.repeat(4097) }],
    ['that comes twice', { 'x-token': ['a', 'b'] }],
    ['with a space', { 'x-token': 'a b' }],
    ['with characters beyond ASCII', { 'x-token': 'é' }],
    ['that is empty', { 'x-token': '' }],
  ])('%s is ignored', async (_, headers) => {
    const { call } = clientOf()
    answers = [{ headers }, { headers: {} }]
    for (let turn = 0; turn < 2; turn++) await runWithSession('conversation-42', () => call())
    expect(tokens()).toEqual([undefined, undefined])
  })
})

describe('memory', () => {
  it('holds as many sessions as `maxSessions`, the last used ones', async () => {
    const { learned, call } = clientOf({ headers: ['x-token'], maxSessions: 3 })
    for (const id of ['a', 'b', 'c', 'a', 'd']) await runWithSession(`conversation-${id}`, () => call())
    expect(learned.size).toBe(3)
    expect(learned.get(new Session('conversation-b'))).toBeUndefined()
    expect(learned.get(new Session('conversation-a'))).toBeDefined()
  })

  it('forgets a session that was idle for `idleMs`', async () => {
    const { call } = clientOf({ headers: ['x-token'], idleMs: 1 })
    await runWithSession('conversation-42', () => call())
    await new Promise((resolve) => setTimeout(resolve, 10))
    await runWithSession('conversation-42', () => call())
    expect(tokens()).toEqual([undefined, undefined])
  })
})

describe('a set-up mistake', () => {
  it.each<[string, unknown, RegExp]>([
    ['no object', 'ROUTEID', /options to be an object such as \{ cookies/],
    ['an unknown option', { cookie: 'lb' }, /options to be among .*`cookies`.* got "cookie"/],
    ['a cookie that is not a name', { cookies: ['a=b'] }, /names of cookies, got "a=b"/],
    ['cookies that are no list', { cookies: 'lb' }, /`cookies` to be a list of names, got a string/],
    ['a header with credentials', { headers: ['Authorization'] }, /may carry a token, got "Authorization"/],
    ['an unknown issuer', { issuer: 'ingress' }, /`issuer` to be among aibrix, apache/],
    ['a store without delete', { store: { get() {}, set() {} } }, /`store` to be a Keyv.*without `delete`/],
    ['no number of sessions', { maxSessions: 0 }, /`maxSessions` to be a whole number from 1, got 0/],
    ['`after` of 0', { repin: { after: 0 } }, /`repin.after` to be a whole number from 1, got 0/],
    [
      '`abortOnStall` without a time',
      { repin: { after: 1, abortOnStall: true } },
      /`repin.stallMs` beside `abortOnStall`, got none/,
    ],
  ])('throws for %s', (_, options, message) => {
    expect(() => new LearnedState(options as LearnedStateOptions)).toThrow(message)
  })

  it('throws for something else in `use`, and for `repin` with a gateway that fails over itself', () => {
    expect(() => affinityFetch({ use: {} as LearnedState })).toThrow(/`use` to be a LearnedState or another extension/)
    const use = new LearnedState({ repin: { after: 2 } })
    expect(() => affinityFetch({ gateway: 'olla', use })).toThrow(
      /`repin` only with a gateway.*got "olla".*evenWithFailover/,
    )
    const even = new LearnedState({ repin: { after: 2, evenWithFailover: true } })
    expect(() => affinityFetch({ gateway: 'olla', use: even })).not.toThrow()
  })
})
