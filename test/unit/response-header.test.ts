import { expect, it } from 'vitest'
import { readResponseHeader } from '../../packages/llm-affinity/src/stamping/request-headers.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

it.each<[string, unknown, string | undefined]>([
  ['an object', { 'x-backend': 'a' }, 'a'],
  ['an object, several', { 'x-backend': ['a', 'b'] }, 'a, b'],
  ['a list', ['X-Backend', 'a', 'x-other', 'x-backend'], 'a'],
  ['a list, several', ['x-backend', 'a', 'X-BACKEND', 'b'], 'a, b'],
  ['a list of bytes', [bytes('X-Backend'), bytes('a')], 'a'],
  ['a list with an empty value', ['x-backend', ''], ''],
  // One character per byte, as in fetch: a caller that expects UTF-8 can decode them.
  ['bytes that are not ASCII', [bytes('x-backend'), bytes('é')], 'Ã©'],
  [
    'more bytes than a function accepts arguments',
    [bytes('x-backend'), bytes('a'.repeat(500_000))],
    'a'.repeat(500_000),
  ],
  ['an object without it', { 'x-other': 'x-backend' }, undefined],
  ['a list without it', ['x-other', 'x-backend'], undefined],
  ['nothing', undefined, undefined],
  ['null', null, undefined],
])('reads a response header from %s', (_what, headers, value) => {
  expect(readResponseHeader(headers, 'x-backend')).toBe(value)
})
