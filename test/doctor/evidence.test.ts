import { describe, expect, it } from 'vitest'
import { identifyBackends } from '../../packages/doctor/src/analysis/backend-identifier.ts'
import { readCaches } from '../../packages/doctor/src/analysis/cache-steps.ts'
import { figuresOf } from '../../packages/doctor/src/analysis/figures.ts'
import { lineages } from '../../packages/doctor/src/analysis/lineage.ts'
import { recogniseGateway } from '../../packages/doctor/src/analysis/recognise-gateway.ts'
import type { Answer, Call } from '../../packages/doctor/src/client/calls.ts'
import { TokenBudget } from '../../packages/doctor/src/client/token-budget.ts'
import { otherHeaderNames } from '../../packages/doctor/src/experiment/header-names.ts'
import { advice } from '../../packages/doctor/src/verdict/advice.ts'
import { remarks } from '../../packages/doctor/src/verdict/explanations.ts'
import { snippetsOf } from '../support/snippets.ts'

function answer(more: Partial<Answer> = {}): Answer {
  return { text: '', headers: new Map(), cookies: new Map(), carriers: [], sentHeaders: [], echoes: [], ...more }
}

function call(turn: number, more: Partial<Answer>): Call {
  return { arm: 'control', conversation: 1, turn, answer: answer(more) }
}

describe('the lineage of cached_tokens', () => {
  // Prompts of 1000, 1200, ... tokens; what is cached, in blocks of 128.
  const of = (...cached: readonly number[]): number[] =>
    lineages(cached.map((tokens, at) => call(at + 1, { promptTokens: 1000 + 200 * at, cachedTokens: tokens }))).map(
      ({ lineage }) => lineage,
    )

  it.each([
    ['one backend', [0, 896, 1152, 1280, 1536], [1, 1, 1, 1, 1]],
    ['two, in turn', [0, 0, 896, 1152, 1280], [1, 2, 1, 2, 1]],
    ['one move, and there it stays', [0, 896, 0, 1280, 1536], [1, 1, 2, 2, 2]],
    ['three', [0, 0, 0, 896, 1152], [1, 2, 3, 1, 2]],
    ['a template that every prompt begins with is not a lineage', [64, 64, 896, 1152, 1280], [1, 2, 1, 2, 1]],
    ['an answer that is cached with its prompt', [0, 1024, 1216, 1424, 1632], [1, 1, 1, 1, 1]],
  ])('%s', (_, cached, expected) => {
    expect(of(...cached)).toEqual(expected)
  })

  it('skips calls without figures', () => {
    expect(lineages([call(1, { promptTokens: 1000 }), call(2, {})])).toEqual([])
  })
})

describe('the turns that a cache has seen', () => {
  // Turns of 600 tokens and more; the cache counts in blocks of 64.
  const conversation = (number: number, growth: number, cached: readonly number[]): Call[] =>
    cached.map((cachedTokens, at) => ({
      ...call(at + 1, { promptTokens: 600 + growth * at, cachedTokens }),
      conversation: number,
    }))
  const long = conversation(1, 160, [0, 576, 0, 896])
  const short = conversation(2, 80, [0, 576, 640, 0])

  it('are counted where the prompts grow by a block, whatever a later round with shorter prompts does', () => {
    const found = (calls: readonly Call[]) => figuresOf('control', { calls, caches: readCaches(calls, 64) }).foundCache
    expect(found(long)).toEqual({ count: 2, total: 3 })
    expect(found([...long, ...short])).toEqual({ count: 2, total: 3 })
    expect(found(short)).toBeUndefined()
    expect(readCaches([...long, ...short], 64).problem).toBe('too-coarse')
  })

  it('are said to be unknown, and why, where no prompts grow by a block', () => {
    const known = {
      cacheProblem: 'too-coarse',
      identifier: { by: 'x-replica' },
      faults: [],
      carriers: ['x'],
      gateway: {},
    }
    const reasons = (calls: readonly Call[]) => {
      const figures = figuresOf('control', { calls, caches: readCaches(calls, 64) })
      return remarks({ ...known, figures: { affinity: figures, control: figures } } as never)
    }
    expect(reasons(short)).toEqual([expect.stringMatching(/^The prompts grew by less than a block of the cache/)])
    expect(reasons([...long, ...short])).toEqual([])
  })
})

describe('what names a backend', () => {
  const calls = (make: (at: number) => Record<string, string>): Call[] =>
    Array.from({ length: 30 }, (_, at) => call(at, { headers: new Map(Object.entries(make(at))) }))

  it.each([
    [
      'a header of a gateway that we know',
      'x-smg-routed-worker-id',
      (at: number) => ({ 'x-smg-routed-worker-id': 'ab'[at % 2] ?? '' }),
    ],
    [
      'two headers of such a gateway together',
      'x-litellm-model-id and x-litellm-model-api-base',
      (at: number) => ({ 'x-litellm-model-id': 'a', 'x-litellm-model-api-base': `http://pod-${at % 2}/v1` }),
    ],
    [
      'one of the two, where it takes several values',
      'x-litellm-model-id',
      (at: number) => ({ 'x-litellm-model-id': 'ab'[at % 2] ?? '' }),
    ],
    ['a header with a name such as this', 'x-replica', (at: number) => ({ 'x-replica': `pod-${at % 3}` })],
    ['a header whose values look like it', 'x-zone', (at: number) => ({ 'x-zone': `eu-${at % 2}` })],
  ])('%s', (_, by, make) => {
    expect(identifyBackends(calls(make))?.by).toBe(by)
  })

  it('a cookie that takes few values', () => {
    const all = Array.from({ length: 30 }, (_, at) =>
      call(at, { cookies: new Map([['SERVERID', 'ab'[at % 2] ?? '']]) }),
    )
    expect(identifyBackends(all)?.by).toBe('cookie SERVERID')
  })

  it.each([
    ['an id of each request', (at: number) => ({ 'x-request-id': `r${at}`, 'x-replica': `${at}` })],
    ['a status', (at: number) => ({ 'x-upstream-status': `${200 + (at % 2)}` })],
    ['a cache tier', (at: number) => ({ 'x-cache-node': ['hot', 'cold'][at % 2] ?? '' })],
    [
      'a time, a limit, a count',
      (at: number) => ({
        date: `${at % 2}`,
        'x-ratelimit-remaining': `${at % 2}`,
        'x-envoy-upstream-service-time': `${at % 3}`,
      }),
    ],
    ['numbers without a name for them', (at: number) => ({ 'x-thing': `${at % 4}` })],
    ['one value of one of two headers, which several may have', () => ({ 'x-litellm-model-id': 'a' })],
    ['one value where several backends may have it', () => ({ 'x-routed-via': 'groq/m' })],
    ['one value that anything may have', () => ({ server: 'uvicorn', 'x-powered-by': 'Express' })],
    ['what only some answers have', (at: number) => (at % 2 ? { 'x-backend': 'a' } : ({} as Record<string, string>))],
  ])('is not %s', (_, make) => {
    expect(identifyBackends(calls(make))).toBeUndefined()
  })
})

describe('which gateway it is', () => {
  it.each([
    ['litellm', { 'x-litellm-model-id': 'a', server: 'uvicorn' }, true],
    ['olla', { 'x-olla-endpoint': 'a', server: 'nginx' }, true],
    ['caddy', { server: 'Caddy' }, false],
    ['nginx', { server: 'nginx/1.22.1' }, false],
    ['istio', { server: 'istio-envoy' }, false],
  ])('%s', (name, headers, isSure) => {
    expect(recogniseGateway(new Map(Object.entries(headers)))).toMatchObject({ gateway: { name }, isSure })
  })

  it('is not known by what every balancer of our pages says', () => {
    expect(recogniseGateway(new Map([['x-backend', 'a']]))).toBeUndefined()
  })
})

describe('the token budget', () => {
  it.each([0, 3, 10_000_000])('ignores a report that 100 words are %i tokens', (said) => {
    const budget = new TokenBudget(10_000)
    budget.reserve(100)?.(said)
    expect([budget.spent, budget.wordsFor(200)]).toEqual([216, 100])
  })

  it('never exceeds its limit, and measures how many tokens a word has', () => {
    const budget = new TokenBudget(1000)
    budget.reserve(100)?.(130)
    expect([budget.spent, budget.tokensFor(100)]).toEqual([146, 130])
    const settle = budget.reserve(600)
    expect(settle).toBeDefined()
    expect(budget.reserve(100)).toBeUndefined()
    expect(budget.isExhausted).toBe(true)
    settle?.(undefined)
    expect(budget.spent).toBe(146 + 780 + 16)
  })
})

it('lists all known header names except the one that was sent, its other spelling first', () => {
  const names = otherHeaderNames(['session_id'])
  expect(names[0]).toBe('session-id')
  expect(names).toContain('x-litellm-session-id')
  expect(names).not.toContain('session_id')
  expect(new Set(names).size).toBe(names.length)
})

describe('the line to add', () => {
  it.each([...advice].filter(([, { pin }]) => pin !== undefined))(
    'is in a configuration on the page of %s',
    async (name, { pin, exposeBackend: names }) => {
      const configs = (await snippetsOf(`docs/gateways/${name}.md`)).filter(({ language }) => language !== 'ts')
      const code = configs.map((each) => each.code).join('\n')
      expect(code).toContain(pin?.line)
      for (const line of [names, names?.with]) if (line !== undefined) expect(code).toContain(line.line)
    },
  )
})
