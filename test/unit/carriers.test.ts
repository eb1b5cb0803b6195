import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type DispatchHeaders,
  restampDispatchHeaders,
  stampDispatchHeaders,
  stampHeaders,
} from '../../packages/llm-affinity/src/carriers.ts'

type HeadersInit = NonNullable<RequestInit['headers']>

const OURS = ['x-session-id', 'x-litellm-session-id']
const KEY = 'conversation-42'

const name = fc.oneof(
  fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,12}$/),
  fc.constantFrom('X-Session-Id', 'x-session-id', 'X-LITELLM-SESSION-ID', 'Authorization', 'content-type'),
)
const value = fc.stringMatching(/^[!-~]{1,20}$/)
const pairs = fc.array(fc.tuple(name, value), { maxLength: 8 })

/** Every form in which fetch takes headers. */
const forms: Record<string, (list: [string, string][]) => HeadersInit> = {
  'an object': (list) => Object.fromEntries(list),
  'an object without prototype': (list) => Object.assign(Object.create(null), Object.fromEntries(list)),
  pairs: (list) => list,
  'a Headers': (list) => new Headers(list),
  'a Map': (list) => new Map(list) as unknown as HeadersInit,
}

describe.each(Object.entries(forms))('fetch headers as %s', (_form, make) => {
  it('hold what the platform would have read, and ours; or come back as nothing where the caller has set one', () => {
    fc.assert(
      fc.property(pairs, (list) => {
        const given = make(list)
        const expected = new Headers(given)
        const callers = OURS.some((each) => expected.has(each))
        const before = [...expected]
        const stamped = stampHeaders(given, OURS, KEY)
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

/** What undici would send: its own reading of the forms that it takes. */
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
  it('hold what they held, and ours; or come back as nothing where the caller has set one', () => {
    fc.assert(
      fc.property(pairs, (list) => {
        const given = make(list)
        const before = sent(given)
        const stamped = stampDispatchHeaders(given, OURS, KEY)
        expect(sent(given)).toEqual(before)
        if (before.some(([each]) => OURS.includes(each))) {
          expect(stamped).toBeUndefined()
          return
        }
        expect(sent(stamped)).toEqual([...before, ...OURS.map((each) => [each, KEY])])
      }),
      { numRuns: 1000 },
    )
  })

  it('can be given another value of ours, and only that', () => {
    const stamped = stampDispatchHeaders(make([['authorization', 'Bearer x']]), OURS, KEY) as DispatchHeaders
    restampDispatchHeaders(stamped, OURS, 'another')
    expect(sent(stamped)).toEqual([['authorization', 'Bearer x'], ...OURS.map((each) => [each, 'another'])])
  })
})

it('values that are lists stay lists in a flat list', () => {
  const stamped = stampDispatchHeaders(['accept', ['a', 'b'], 'x', 'y'], OURS, KEY)
  expect(stamped).toEqual(['accept', ['a', 'b'], 'x', 'y', 'x-session-id', KEY, 'x-litellm-session-id', KEY])
})

it('nothing is made of headers that can be read but once, or are none', () => {
  function* once(): Generator<[string, string]> {
    yield ['a', 'b']
  }
  const generator = once()
  expect(stampHeaders(generator, OURS, KEY)).toBeUndefined()
  expect(stampDispatchHeaders(generator, OURS, KEY)).toBeUndefined()
  expect([...generator]).toEqual([['a', 'b']])
  expect(stampHeaders('a: b', OURS, KEY)).toBeUndefined()
  expect(stampHeaders(null, OURS, KEY)).toBeUndefined()
  expect(stampDispatchHeaders('a: b', OURS, KEY)).toBeUndefined()
})
