import fc from 'fast-check'
import { parseSetCookie } from 'set-cookie-parser'
import { describe, expect, it } from 'vitest'
import { cookiesSet, isFor, isToken } from '../../packages/llm-affinity/src/learned/cookies.ts'

const NOW = Date.UTC(2026, 10, 27)
const headersOf = (...lines: string[]): Headers => {
  const headers = new Headers()
  for (const line of lines) headers.append('set-cookie', line)
  return headers
}
const learned = (name: string, ...lines: string[]): unknown => cookiesSet(headersOf(...lines), [name], NOW)

describe('cookies as real balancers set them', () => {
  it.each([
    ['Traefik', 'lvl1', 'lvl1=a116c9ed46d62077; Path=/', { value: 'a116c9ed46d62077', path: '/' }],
    [
      'Caddy',
      'lb',
      'lb=9448c3; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax',
      { value: '9448c3', path: '/', until: NOW + 3_600_000 },
    ],
    [
      'HAProxy',
      'SRV',
      'SRV=a|awd0A|awd0A; path=/; domain=test.example; HttpOnly; Secure',
      { value: 'a|awd0A|awd0A', path: '/' },
    ],
    ['Apache', 'ROUTEID', 'ROUTEID=.a; path=/', { value: '.a', path: '/' }],
    ['nginx', 'srv_id', 'srv_id=9f23fdfb', { value: '9f23fdfb' }],
    [
      'nginx with attributes',
      'srv_id',
      'srv_id=9f; expires=Fri, 27-Nov-26 00:50:13 GMT; domain=.test.example; httponly; secure; samesite=lax; path=/v1',
      { value: '9f', path: '/v1', until: Date.UTC(2026, 10, 27, 0, 50, 13) },
    ],
    [
      'Envoy',
      'gsc',
      'gsc="Cg8xMjcuMC4wLjE6MTkwMDI="; Path=/; HttpOnly',
      { value: '"Cg8xMjcuMC4wLjE6MTkwMDI="', path: '/' },
    ],
  ])('%s', (_, name, line, handed) => {
    expect(learned(name, line)).toEqual([{ name, handed: { at: NOW, ...handed } }])
  })

  it('are found among others in one answer, in raw lists, in plain objects and joined by a comma', () => {
    const lines = ['_196da=9c3f; Path=/', 'session=secret', 'lvl1=a116; expires=Sat, 28 Nov 2026 00:00:00 GMT; Path=/']
    const expected = [{ name: 'lvl1', handed: { value: 'a116', path: '/', at: NOW, until: Date.UTC(2026, 10, 28) } }]
    const joined = { get: (name: string) => (name === 'set-cookie' ? lines.join(', ') : null) }
    const raw = { get: joined.get, raw: () => ({ 'set-cookie': lines }) }
    const list = lines.flatMap((line) => [Buffer.from('Set-Cookie'), Buffer.from(line)])
    for (const headers of [headersOf(...lines), { 'set-cookie': lines }, joined, raw, list]) {
      expect(cookiesSet(headers, ['lvl1'], NOW)).toEqual(expected)
    }
  })

  it('are removed by an expiry in the past, by Max-Age before Expires, and by an empty value', () => {
    const gone = [{ name: 'lb', handed: undefined }]
    expect(learned('lb', 'lb=a; Max-Age=0')).toEqual(gone)
    expect(learned('lb', 'lb=a; Expires=Thu, 01 Jan 1970 00:00:00 GMT')).toEqual(gone)
    expect(learned('lb', 'lb=a; Max-Age=-1; Expires=Fri, 27 Nov 2099 00:00:00 GMT')).toEqual(gone)
    expect(learned('lb', 'lb=')).toEqual(gone)
  })
})

describe('hostile answers', () => {
  it.each([
    ['a value that is too long', `lb=${'a'.repeat(4097)}`],
    ['a line that is too long', `lb=a; ${'x'.repeat(9000)}`],
    ['a space in the value', 'lb=a b'],
    ['no name', '=a'],
    ['no equals sign', 'lb'],
    ['another letter case', 'LB=a'],
  ])('%s is ignored', (_, line) => {
    expect(learned('lb', line)).toEqual([])
  })

  it('of any text never throw, and only ever yield what can be sent', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('lb', '=', ';', ' ', ',', '"', 'Path', 'Max-Age=9'),
    )
    fc.assert(
      fc.property(
        fc.array(
          fc.array(part).map((parts) => parts.join('')),
          { maxLength: 5 },
        ),
        (lines) => {
          for (const headers of [
            { 'set-cookie': lines },
            lines,
            { get: () => lines.join(',') },
            { getSetCookie: () => lines },
          ]) {
            for (const { handed } of cookiesSet(headers, ['lb', 'a'], NOW)) {
              expect(handed === undefined || isToken(handed.value)).toBe(true)
            }
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('take linear time', () => {
    const lines = Array.from({ length: 5000 }, () => `${'lb=,'.repeat(1000)}; ${'Path=/;'.repeat(100)}`)
    const joined = { get: () => lines.join(', ') }
    expect(cookiesSet({ 'set-cookie': lines }, ['lb'], NOW).length).toBeLessThanOrEqual(50)
    expect(cookiesSet(joined, ['lb'], NOW).length).toBeLessThanOrEqual(50)
  })

  it('answers with many cookies are read to the fiftieth', () => {
    const lines = Array.from({ length: 100 }, (_, at) => `c${at}=1`)
    expect(learned('c49', ...lines)).toHaveLength(1)
    expect(learned('c50', ...lines)).toHaveLength(0)
  })
})

it('reads names, values, paths and lifetimes as set-cookie-parser does', () => {
  const token = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_.|+/'), minLength: 1, maxLength: 20 })
  const attribute = fc.oneof(
    token.map((path) => `Path=/${path.replaceAll('|', '')}`),
    fc.integer({ min: 1, max: 100_000 }).map((age) => `Max-Age=${age}`),
    fc
      .date({ min: new Date('2027-01-01'), max: new Date('2090-01-01'), noInvalidDate: true })
      .map((at) => `Expires=${at.toUTCString()}`),
    fc.constantFrom('HttpOnly', 'Secure', 'SameSite=Lax', 'Domain=example.test', 'Partitioned'),
  )
  fc.assert(
    fc.property(
      token,
      token,
      fc.uniqueArray(attribute, { maxLength: 6, selector: (text) => text.split('=')[0] }),
      (name, value, more) => {
        const line = [`${name}=${value}`, ...more].join('; ')
        const theirs = parseSetCookie(line, { decodeValues: false })[0]
        const ours = cookiesSet(headersOf(line), [name], NOW)[0]
        const until = theirs?.maxAge === undefined ? theirs?.expires?.getTime() : NOW + theirs.maxAge * 1000
        expect({
          name: ours?.name,
          value: ours?.handed?.value,
          path: ours?.handed?.path,
          until: ours?.handed?.until,
        }).toEqual({
          name: theirs?.name,
          value: theirs?.value,
          path: theirs?.path,
          until,
        })
      },
    ),
    { numRuns: 1000 },
  )
})

it('a path covers itself and what is below it, and a cookie without one the whole origin', () => {
  const cookie = (path?: string) => ({ value: 'a', at: NOW, ...(path !== undefined && { path }) })
  const covers = (path: string | undefined, requested: string): boolean => isFor(cookie(path), requested, NOW)
  expect(covers(undefined, '/v1/responses')).toBe(true)
  expect(covers('/', '/v1/responses')).toBe(true)
  expect(covers('/v1', '/v1/responses')).toBe(true)
  expect(covers('/v1/', '/v1/responses')).toBe(true)
  expect(covers('/v1', '/v1')).toBe(true)
  expect(covers('/v1', '/v12/responses')).toBe(false)
  expect(isFor({ ...cookie(), until: NOW }, '/', NOW)).toBe(false)
})
