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
  // One character a byte, as fetch has them: whoever knows that they are UTF-8 reads them so.
  ['bytes that are not ASCII', [bytes('x-backend'), bytes('é')], 'Ã©'],
  ['bytes, more than a call takes arguments', [bytes('x-backend'), bytes('a'.repeat(500_000))], 'a'.repeat(500_000)],
  ['an object without it', { 'x-other': 'x-backend' }, undefined],
  ['a list without it', ['x-other', 'x-backend'], undefined],
  ['nothing', undefined, undefined],
  ['null', null, undefined],
])('a response header is read from %s', (_what, headers, value) => {
  expect(readResponseHeader(headers, 'x-backend')).toBe(value)
})
