import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { affinityFetch, Session, withAffinity } from 'llm-affinity'
import { affinityInterceptor } from 'llm-affinity/undici'
import { SessionReport, type SessionReportOptions } from 'llm-affinity/usage'
import { type Step, startBalancer, startReplica } from 'llm-affinity-testkit'
import OpenAI from 'openai'
import { Agent, request } from 'undici'
import { describe, expect, it } from 'vitest'
import { freshId } from '../support/outcomes.ts'
import { recorder } from '../support/recorder.ts'

setFlagsFromString('--expose-gc')

const home = await recorder()
const away = await recorder()

interface Turn {
  readonly backend?: string
  readonly prompt?: number
  readonly cached?: number
  readonly status?: number
}

/** An answer from a backend, to a prompt of so many tokens, of which so many were cached. */
function turn({ backend, prompt, cached, status = 200 }: Turn): Step {
  const usage = { prompt_tokens: prompt, prompt_tokens_details: { cached_tokens: cached } }
  return {
    status,
    headers: { 'content-type': 'application/json', ...(backend !== undefined && { 'x-backend': backend }) },
    body: JSON.stringify({ choices: [{ message: { content: 'heard' } }], ...(prompt !== undefined && { usage }) }),
  }
}

/** A report of turns that a client takes, one after the other. */
function reported(options?: SessionReportOptions, origin = home.origin) {
  const report = new SessionReport(options)
  const bare = new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'none', maxRetries: 0 })
  const openai = withAffinity(bare, { onOutcome: report.onOutcome })
  const ask = { model: 'test-model', messages: [{ role: 'user' as const, content: 'Hello' }] }
  return {
    report,
    async take(session: Session, ...turns: readonly Turn[]): Promise<void> {
      home.script(turns.map(turn))
      for (const _ of turns) await session.run(() => openai.chat.completions.create(ask)).catch(() => {})
    },
  }
}

const reasonsOf = (report: SessionReport, session: Session): (string | undefined)[] => {
  const { calls = 0, misses = [] } = report.get(session) ?? {}
  return Array.from({ length: calls }, (_, i) => misses.find(({ call }) => call === i + 1)?.reason)
}

describe('the figures', () => {
  it('add up the counts of the answers', async () => {
    const { report, take } = reported()
    const session = new Session(freshId())
    await take(
      session,
      { backend: 'a', prompt: 100, cached: 0 },
      { backend: 'a', prompt: 200, cached: 100 },
      { backend: 'b', prompt: 300, cached: 0 },
      { backend: 'b', prompt: 400, cached: 300 },
    )
    expect(report.get(session)).toEqual({
      calls: 4,
      hits: 2,
      moves: 1,
      promptTokens: 1000,
      cachedTokens: 400,
      cachedShare: 0.4,
      misses: [
        { call: 1, reason: 'first turn' },
        { call: 3, reason: 'moved' },
      ],
    })
  })

  it.each([
    ['a gateway that reads the key', { header: 'x-session-id' } as const, 0],
    ['round robin', 'round-robin' as const, 4],
  ])('are what the replicas counted, behind %s', async (_, policy, moves) => {
    await using a = await startReplica({ name: 'a', cacheTokens: 100_000 })
    await using b = await startReplica({ name: 'b', cacheTokens: 100_000 })
    await using gateway = await startBalancer({ targets: [a, b], policy })
    const report = new SessionReport()
    const bare = new OpenAI({ baseURL: gateway.baseURL, apiKey: 'none' })
    const row = { name: 'ours', headers: ['x-session-id'], evidence: { backend: 'x-replica' } }
    const openai = withAffinity(bare, { gateway: row, onOutcome: report.onOutcome })
    const session = new Session(freshId())
    const messages: OpenAI.ChatCompletionMessageParam[] = []
    await session.run(async () => {
      for (let i = 0; i < 5; i++) {
        messages.push({ role: 'user', content: `turn ${i} ${'word '.repeat(200)}` })
        const stream = await openai.chat.completions.create({
          model: 'test-model',
          messages,
          stream: true,
          stream_options: { include_usage: true },
        })
        let content = ''
        for await (const chunk of stream) content += chunk.choices[0]?.delta.content ?? ''
        messages.push({ role: 'assistant', content })
      }
    })
    const counted = [a.counters(), b.counters()]
    const sum = (name: 'promptTokens' | 'cachedTokens'): number => counted.reduce((all, each) => all + each[name], 0)
    expect(report.get(session)).toMatchObject({
      calls: 5,
      moves,
      hits: 4 - moves,
      promptTokens: sum('promptTokens'),
      cachedTokens: sum('cachedTokens'),
      cachedShare: sum('cachedTokens') / sum('promptTokens'),
    })
    expect(reasonsOf(report, session).slice(0, 2)).toEqual(['first turn', moves === 0 ? undefined : 'moved'])
  })

  it('count errors, and every attempt', async () => {
    const report = new SessionReport()
    const bare = new OpenAI({ baseURL: home.baseURL, apiKey: 'none', maxRetries: 1 })
    const openai = withAffinity(bare, { onOutcome: report.onOutcome })
    const session = new Session(freshId())
    home.script(turn({ status: 503, prompt: 7, cached: 7 }), turn({ prompt: 100, cached: 0 }))
    await session.run(() => openai.models.list())
    expect(home.requests).toHaveLength(2)
    expect(report.get(session)).toMatchObject({ calls: 2, promptTokens: 100, misses: [{ call: 2 }] })
  })

  it('leave out answers without cached tokens', async () => {
    const { report, take } = reported()
    const session = new Session(freshId())
    await take(session, { prompt: 100 }, {}, { prompt: 0, cached: 0 })
    expect(report.get(session)).toEqual({
      calls: 3,
      hits: 0,
      moves: 0,
      promptTokens: 0,
      cachedTokens: 0,
      cachedShare: undefined,
      misses: [],
    })
  })

  it('are a copy', async () => {
    const { report, take } = reported()
    const session = new Session(freshId())
    await take(session, { prompt: 100, cached: 0 })
    const before = report.get(session)
    await take(session, { prompt: 200, cached: 0 })
    expect(before).toMatchObject({ calls: 1, misses: [{ call: 1 }] })
    expect(before?.misses).toHaveLength(1)
  })

  it('of undici, whose bodies are not read, are outcomes only', async () => {
    const report = new SessionReport()
    const dispatcher = new Agent().compose(affinityInterceptor({ origins: home.origin, onOutcome: report.onOutcome }))
    const session = new Session(freshId())
    home.script(turn({ backend: 'a', prompt: 9, cached: 9 }), turn({ backend: 'a', prompt: 9, cached: 9 }))
    for (let i = 0; i < 2; i++) {
      const { body } = await session.run(() => request(home.baseURL, { dispatcher }))
      await body.text()
    }
    await dispatcher.close()
    expect(report.get(session)).toMatchObject({ calls: 2, hits: 1, promptTokens: 0, cachedShare: undefined })
  })
})

describe('the reason for a miss', () => {
  it.each<readonly [string, readonly Turn[], readonly (string | undefined)[]]>([
    ['first turn', [{ prompt: 100, cached: 0 }], ['first turn']],
    ['none on a first turn that shares its beginning', [{ prompt: 100, cached: 50 }], [undefined]],
    [
      'none where half was found',
      [
        { prompt: 100, cached: 60 },
        { prompt: 200, cached: 50 },
      ],
      [undefined, undefined],
    ],
    [
      'moved',
      [
        { backend: 'a', prompt: 100, cached: 60 },
        { backend: 'b', prompt: 200, cached: 0 },
      ],
      [undefined, 'moved'],
    ],
    [
      'none of a move that found what it needed',
      [
        { backend: 'a', prompt: 100, cached: 60 },
        { backend: 'b', prompt: 200, cached: 100 },
      ],
      [undefined, undefined],
    ],
    [
      'prefix changed',
      [
        { prompt: 100, cached: 60 },
        { prompt: 80, cached: 10 },
      ],
      [undefined, 'prefix changed'],
    ],
    [
      'none of a shorter prompt that was all cached',
      [
        { prompt: 100, cached: 60 },
        { prompt: 40, cached: 40 },
      ],
      [undefined, undefined],
    ],
    [
      'unknown',
      [
        { backend: 'a', prompt: 100, cached: 60 },
        { backend: 'a', prompt: 200, cached: 49 },
      ],
      [undefined, 'unknown'],
    ],
    [
      'as of the last turn that said its prompt',
      [{ prompt: 100 }, {}, { status: 500 }, { prompt: 80, cached: 0 }],
      [undefined, undefined, undefined, 'prefix changed'],
    ],
  ])('%s', async (_, turns, reasons) => {
    const { report, take } = reported()
    const session = new Session(freshId())
    await take(session, ...turns)
    expect(reasonsOf(report, session)).toEqual(reasons)
  })

  it('idle, if the last call is longer ago than the lifetime of the cache', async () => {
    const session = new Session(freshId())
    const { report, take } = reported({ cacheTtlMs: 1 })
    await take(session, { prompt: 100, cached: 60 })
    const since = performance.now()
    while (performance.now() - since < 2) await new Promise((resolve) => setImmediate(resolve))
    await take(session, { prompt: 90, cached: 0 })
    expect(reasonsOf(report, session)).toEqual([undefined, 'idle'])
  })

  it('moved, if the gateway forgot the pin and selected another backend', async () => {
    const report = new SessionReport()
    const gateway = {
      name: 'ours',
      headers: ['x-session-id'],
      evidence: { outcome: 'x-pin', outcomeValues: { new: 'miss', kept: 'hit', other: 'repin' }, backend: 'x-backend' },
    } as const
    const send = affinityFetch({ gateway, onOutcome: report.onOutcome })
    const session = new Session(freshId())
    const says = (pin: string, backend: string): Step => {
      const step = turn({ backend, prompt: 100, cached: 0 })
      return { ...step, headers: { 'x-pin': pin, 'x-backend': backend } }
    }
    home.script(says('new', 'a'), says('new', 'b'), says('other', 'b'), says('new', 'b'), says('kept', 'b'))
    for (let i = 0; i < 5; i++) await session.run(async () => (await send(home.baseURL)).text())
    expect(reasonsOf(report, session)).toEqual(['first turn', 'moved', 'moved', 'unknown', 'unknown'])
    expect(report.get(session)).toMatchObject({ hits: 1, moves: 1 })
  })

  it('moved, if the session was re-pinned; the figures continue', async () => {
    const { report, take } = reported()
    const session = new Session(freshId())
    await take(session, { prompt: 100, cached: 60 })
    session.repin()
    await take(session, { prompt: 200, cached: 0 }, { prompt: 300, cached: 0 })
    expect(reasonsOf(report, session)).toEqual([undefined, 'moved', 'unknown'])
  })

  it('is separate for each origin', async () => {
    const report = new SessionReport()
    const send = affinityFetch({ onOutcome: report.onOutcome })
    const session = new Session(freshId())
    for (const server of [home, away]) server.script(turn({ prompt: 100, cached: 0 }), turn({ prompt: 100, cached: 0 }))
    for (const { baseURL } of [home, away, home, away]) await session.run(async () => (await send(baseURL)).text())
    expect(reasonsOf(report, session)).toEqual(['first turn', 'first turn', 'unknown', 'unknown'])
  })

  it('is unknown if the turns of an origin may have been forgotten', async () => {
    const servers = await Promise.all(Array.from({ length: 11 }, () => recorder()))
    const report = new SessionReport()
    const send = affinityFetch({ onOutcome: report.onOutcome })
    const session = new Session(freshId())
    for (const server of servers) server.script(turn({ prompt: 100, cached: 0 }), turn({ prompt: 100, cached: 0 }))
    for (const { baseURL } of [...servers, ...servers.slice(0, 1)]) {
      await session.run(async () => (await send(baseURL)).text())
    }
    expect(reasonsOf(report, session)).toEqual([...Array(11).fill('first turn'), 'unknown'])
  })

  it('is unknown if the session may have been forgotten', async () => {
    const { report, take } = reported({ maxSessions: 2 })
    const miss = { prompt: 100, cached: 0 }
    const sessions = Array.from({ length: 4 }, () => new Session(freshId()))
    for (const session of sessions) await take(session, miss)
    const [first] = sessions
    if (first === undefined) throw new Error('four sessions')
    await take(first, miss)
    expect(report.get(first)?.misses).toEqual([{ call: 1, reason: 'unknown' }])
    await take(first, { prompt: 90, cached: 0 })
    expect(reasonsOf(report, first)).toEqual(['unknown', 'prefix changed'])
  })

  it('is reported by call number, whichever answer is read first, and is unknown for calls that overlap', async () => {
    const report = new SessionReport()
    const send = affinityFetch({ onOutcome: report.onOutcome })
    const session = new Session(freshId())
    home.script(turn({ prompt: 100, cached: 0 }), turn({ prompt: 200, cached: 0 }))
    const first = await session.run(() => send(home.baseURL))
    const second = await session.run(() => send(home.baseURL))
    await second.text()
    expect(report.get(session)?.misses).toEqual([{ call: 2, reason: 'first turn' }])
    await first.text()
    expect(report.get(session)?.misses).toEqual([
      { call: 2, reason: 'first turn' },
      { call: 1, reason: 'unknown' },
    ])
  })
})

describe('a session', () => {
  const half: Turn = { prompt: 100, cached: 50 }

  it('is the same for every object of the id', async () => {
    const { report, take } = reported()
    const session = new Session(freshId())
    await take(session, half)
    await take(new Session(session.id), half)
    await take(Session.from(session.toJSON()), half)
    for (const each of [session, new Session(session.id), Session.from(session.toJSON())]) {
      expect(report.get(each)).toMatchObject({ calls: 3, promptTokens: 300 })
    }
  })

  it('differs from those of its lanes, children and forks, and of another tenant', async () => {
    const { report, take } = reported()
    const id = freshId()
    const session = new Session(id)
    const others = [
      session.lane('titles'),
      session.child('searcher'),
      session.child(),
      session.fork(),
      session.fork({ shareCache: true }),
      new Session(id, { namespace: 'acme' }),
      new Session(freshId()),
    ]
    await take(session, half)
    for (const other of others) expect(report.get(other)).toBeUndefined()
    for (const other of others) await take(other, half, half)
    for (const other of others) expect(report.get(other)).toMatchObject({ calls: 2, promptTokens: 200 })
    expect(report.get(session)).toMatchObject({ calls: 1, promptTokens: 100 })
  })

  it('that made no call has no figures', () => {
    expect(new SessionReport().get(new Session('conversation-42'))).toBeUndefined()
  })

  it('is forgotten after as many other sessions', async () => {
    const { report, take } = reported({ maxSessions: 3 })
    const sessions = Array.from({ length: 5 }, () => new Session(freshId()))
    const [first, second] = sessions
    for (const session of sessions) {
      await take(session, half)
      if (first !== undefined && session !== first) await take(first, half)
    }
    expect(sessions.map((session) => report.get(session)?.calls)).toEqual([5, undefined, undefined, 1, 1])
    if (second === undefined) throw new Error('five sessions')
    await take(second, half)
    expect(report.get(second)).toMatchObject({ calls: 1 })
  })

  it('takes no more memory for a long id', async () => {
    const { report, take } = reported({ maxSessions: 300 })
    const collect: () => void = runInNewContext('gc')
    const heapUsed = (): number => {
      collect()
      return process.memoryUsage().heapUsed
    }
    const take100 = async (length: number): Promise<number> => {
      const before = heapUsed()
      for (let i = 0; i < 100; i++) await take(new Session(`${freshId()}${' '.repeat(length)}`), half)
      return heapUsed() - before
    }
    await take100(100)
    expect(await take100(200_000)).toBeLessThan(10_000_000)
    expect(report.get(new Session('conversation-42'))).toBeUndefined()
  })

  it('keeps its last hundred misses', async () => {
    const { report, take } = reported()
    const session = new Session(freshId())
    await take(session, ...Array<Turn>(130).fill({ prompt: 100, cached: 0 }))
    const { calls, misses = [] } = report.get(session) ?? {}
    expect([calls, misses.length, misses[0]?.call, misses.at(-1)?.call]).toEqual([130, 100, 31, 130])
  })
})

describe('a mistake is a TypeError that says so', () => {
  it.each([
    [null, 'options to be an object such as'],
    ['all', 'options to be an object such as'],
    [{ cacheLives: 1 }, '`cacheTtlMs`, `maxSessions`, `diagnostics`, got "cacheLives"'],
    [{ cacheTtlMs: 0 }, '`cacheTtlMs` to be a positive number, got 0'],
    [{ cacheTtlMs: Number.NaN }, 'got NaN'],
    [{ cacheTtlMs: '5m' }, '`cacheTtlMs` to be a positive number, got a string'],
    [{ maxSessions: -1 }, '`maxSessions` to be a positive number, got -1'],
    [{ maxSessions: 0.5 }, '`maxSessions` to be a whole number, got 0.5'],
    [{ maxSessions: Number.POSITIVE_INFINITY }, 'got Infinity'],
    [{ maxSessions: null }, 'got null'],
  ])('%o', (options, message) => {
    const make = (): unknown => Reflect.construct(SessionReport, [options])
    expect(make).toThrow(TypeError)
    expect(make).toThrow(message)
  })

  it('of what is no session', () => {
    const { get } = SessionReport.prototype
    expect(() => Reflect.apply(get, new SessionReport(), ['conversation-42'])).toThrow(
      new TypeError('Expected `session` to be a Session, got a string'),
    )
  })

  it('accepts undefined options, and a cache that never expires', () => {
    expect(() => new SessionReport({ cacheTtlMs: Number.POSITIVE_INFINITY, maxSessions: 1 })).not.toThrow()
    expect(() => Reflect.construct(SessionReport, [{ cacheTtlMs: undefined, maxSessions: undefined }])).not.toThrow()
  })
})
