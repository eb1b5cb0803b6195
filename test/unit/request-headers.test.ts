import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  changedHeaders,
  isSteady,
  readHeader,
  stampDispatchHeaders,
  stampHeaders,
} from '../../packages/llm-affinity/src/stamping/request-headers.ts'

// Not imported: its types would change the global types of every test.
const { Headers: Whatwg }: { Headers: typeof Headers } = createRequire(import.meta.url)('@whatwg-node/fetch')

type HeadersInit = NonNullable<RequestInit['headers']>

const OURS = ['x-session-id', 'x-litellm-session-id']
const KEY = 'conversation-42'
const STAMP = { names: OURS, key: KEY }

const name = fc.oneof(
  fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,12}$/),
  fc.constantFrom('X-Session-Id', 'x-session-id', 'X-LITELLM-SESSION-ID', 'Authorization', 'content-type'),
)
const value = fc.stringMatching(/^[!-~]{1,20}$/)
const pairs = fc.array(fc.tuple(name, value), { maxLength: 8 })

/** Every form in which fetch accepts headers. */
const forms: Record<string, (list: [string, string][]) => HeadersInit> = {
  'an object': (list) => Object.fromEntries(list),
  'an object without prototype': (list) => Object.assign(Object.create(null), Object.fromEntries(list)),
  pairs: (list) => list,
  'a Headers': (list) => new Headers(list),
  'a Map': (list) => new Map(list) as unknown as HeadersInit,
}

describe.each(Object.entries(forms))('fetch headers as %s', (_form, make) => {
  it('hold what the platform would have read, and the key; undefined if the caller has set one', () => {
    fc.assert(
      fc.property(pairs, (list) => {
        const given = make(list)
        const expected = new Headers(given)
        const callers = OURS.some((each) => expected.has(each))
        const before = [...expected]
        const stamped = stampHeaders(given, STAMP)
        expect([...new Headers(given)]).toEqual(before)
        if (callers) {
          expect(stamped).toBeUndefined()
          return
        }
        for (const each of OURS) expected.set(each, KEY)
        expect(stamped).not.toBe(given)
        expect([...new Headers(stamped)]).toEqual([...expected])
      }),
      { numRuns: 1000 },
    )
  })
})

/** The headers that undici would send, by its own reading of the forms that it accepts. */
function sent(headers: unknown): [string, string][] {
  if (headers === null || headers === undefined) return []
  const flat: unknown[] = Array.isArray(headers)
    ? headers
    : Symbol.iterator in Object(headers)
      ? [...(headers as Iterable<unknown[]>)].flat()
      : Object.entries(headers as object).flat()
  const out: [string, string][] = []
  for (let i = 0; i < flat.length; i += 2) {
    for (const each of [flat[i + 1]].flat()) out.push([String(flat[i]).toLowerCase(), String(each)])
  }
  return out
}

const dispatchForms: Record<string, (list: [string, string][]) => unknown> = {
  'an object': (list) => Object.fromEntries(list),
  'a flat list': (list) => list.flat(),
  'a flat list of Buffers': (list) => list.flat().map((text) => Buffer.from(text)),
  'a Headers': (list) => new Headers(list),
  'a Map': (list) => new Map(list),
}

describe.each(Object.entries(dispatchForms))('undici headers as %s', (_form, make) => {
  it('hold what they held, and the key; undefined if the caller has set one', () => {
    fc.assert(
      fc.property(pairs, (list) => {
        const given = make(list)
        const before = sent(given)
        const stamped = stampDispatchHeaders(given, STAMP)
        expect(sent(given)).toEqual(before)
        if (before.some(([each]) => OURS.includes(each))) {
          expect(stamped).toBeUndefined()
          return
        }
        // A Headers sorts its names.
        expect(sent(stamped).toSorted()).toEqual([...before, ...OURS.map((each) => [each, KEY])].toSorted())
      }),
      { numRuns: 1000 },
    )
  })

  it('keep their shape', () => {
    const given = make([['authorization', 'Bearer x']])
    expect(Object.getPrototypeOf(stampDispatchHeaders(given, STAMP))).toBe(Object.getPrototypeOf(given))
  })
})

it('list values stay lists in a flat list', () => {
  const stamped = stampDispatchHeaders(['accept', ['a', 'b'], 'x', 'y'], STAMP)
  expect(stamped).toEqual(['accept', ['a', 'b'], 'x', 'y', 'x-session-id', KEY, 'x-litellm-session-id', KEY])
})

it('turns an empty list into an object, which every version of the cache interceptor accepts', () => {
  expect(stampDispatchHeaders([], STAMP)).toEqual(Object.fromEntries(OURS.map((each) => [each, KEY])))
})

it('turns an iterable of pairs into an object with a list for each repeated name', () => {
  const pairs = {
    *[Symbol.iterator]() {
      yield* [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
      ]
    },
  }
  expect(stampDispatchHeaders(pairs, { names: ['key'], key: KEY })).toEqual({ a: ['1', '3'], b: '2', key: KEY })
})

it('keeps the letter case of names', () => {
  expect(stampHeaders([['X-Own', 'a']], STAMP)).toContainEqual(['X-Own', 'a'])
  expect(stampHeaders({ 'X-Own': 'a' }, STAMP)).toHaveProperty('X-Own', 'a')
})

it('a polluted Object.prototype neither adds nor loses a header', () => {
  Reflect.set(Object.prototype, 'x-session-id', 'polluted')
  try {
    expect(Object.entries(stampHeaders({ a: '1' }, STAMP) ?? {})).toEqual([
      ['a', '1'],
      ...OURS.map((each) => [each, KEY]),
    ])
    const pairs = {
      *[Symbol.iterator]() {
        yield ['a', '1']
      },
    }
    expect(stampDispatchHeaders(pairs, STAMP)).toHaveProperty('a', '1')
  } finally {
    Reflect.deleteProperty(Object.prototype, 'x-session-id')
  }
})

it('does not read headers that can be read only once', () => {
  function* once(): Generator<[string, string]> {
    yield ['a', 'b']
  }
  const generator = once()
  expect(stampDispatchHeaders(generator, STAMP)).toBeUndefined()
  expect(isSteady(generator)).toBe(false)
  expect([...generator]).toEqual([['a', 'b']])
})

const counting = { toString: () => 'counts' }

it.each([
  ['a getter', { get: () => 'x', enumerable: true }],
  ['an object', { value: counting, enumerable: true }],
])('does not treat headers with %s for a value as steady', (_kind, descriptor) => {
  expect(isSteady(Object.defineProperty({}, 'a', descriptor))).toBe(false)
})

it.each([[[['a', counting]]], [new Map([['a', counting]])], [['a', '1']], [new Set(['ab'])]])(
  'does not treat lists of anything but pairs of strings as steady: %o',
  (given) => expect(isSteady(given)).toBe(false),
)

it.each([[{ a: '1', b: 2, c: null }], [new Headers()], [[['a', '1']]], [new Map([['a', '1']])], [undefined]])(
  'treats common headers as steady: %o',
  (given) => expect(isSteady(given)).toBe(true),
)

it('keeps non-enumerable headers when it removes others', () => {
  const given = Object.defineProperty({ 'B-C': '2' }, 'a', { value: '1' })
  expect(changedHeaders(given, ['b-c'])).toEqual({ a: '1' })
})

it('returns undefined for values that no fetch accepts as headers', () => {
  expect(stampHeaders('a: b', STAMP)).toBeUndefined()
  expect(stampHeaders(null, STAMP)).toBeUndefined()
  expect(stampDispatchHeaders('a: b', STAMP)).toBeUndefined()
})

it.each<[string, unknown]>([
  ['an object', { Host: 'gateway.test' }],
  ['a list', ['accept', '*/*', 'Host', 'gateway.test']],
  ['a Map', new Map([['Host', 'gateway.test']])],
  ['a Headers', new Headers({ Host: 'gateway.test' })],
])('reads the Host header of a dispatch from %s', (_what, headers) => {
  expect(readHeader(headers, 'host')).toBe('gateway.test')
  expect(readHeader(headers, 'hos') ?? undefined).toBeUndefined()
})

it('a Headers whose copies write through to it is not changed', () => {
  const given = new Whatwg({ a: '1', 'b-c': '2' })
  expect(stampHeaders(given, STAMP)).toBeInstanceOf(Whatwg)
  expect([...(changedHeaders(given, ['b-c']) as Headers)]).toEqual([['a', '1']])
  expect([...given]).toEqual([
    ['a', '1'],
    ['b-c', '2'],
  ])
})
