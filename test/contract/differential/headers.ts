// The headers of an init, by the names that a failure report uses. The first is the usual value.

import { ABSENT, type Values } from './values.ts'

export const headers: Values = {
  'an object': () => ({ 'content-type': 'application/json', Authorization: 'Bearer x' }),
  absent: () => ABSENT,
  undefined: () => undefined,
  null: () => null,
  'an empty object': () => ({}),
  'odd case': () => ({ 'Content-TYPE': 'application/json', 'X-Custom-CASE': '1', 'x-B': '2' }),
  pairs: () => [
    ['X-A', '1'],
    ['x-a', '2'],
    ['Cookie', 'a=1'],
    ['cookie', 'b=2'],
    ['Accept', 'q'],
    ['content-type', 'application/json'],
  ],
  'an empty list': () => [],
  'a flat list': () => ['a', '1'],
  'pairs of three': () => [['a', '1', '2']],
  'a Headers': () => new Headers({ 'X-Custom-Case': '1', 'Content-Type': 'application/json' }),
  "the maker's Headers": ({ maker }) => new maker.Headers({ 'X-Custom-Case': '1' }),
  'a Map': () =>
    new Map([
      ['X-Custom-Case', '1'],
      ['content-type', 'application/json'],
    ]),
  'an URLSearchParams': () => new URLSearchParams({ 'X-Custom-Case': '1' }),
  'one-shot pairs': () => [['X-One-Shot', '1']].values(),
  'an iterable that is read once': () => {
    const pairs = [['X-One-Shot', '1']].values()
    return { [Symbol.iterator]: () => pairs }
  },
  'one-shot pairs with a key': () => {
    const pairs = [['X-Session-Id', 'mine']].values()
    return { [Symbol.iterator]: () => pairs }
  },
  'a null iterator': () => ({ [Symbol.iterator]: null, 'x-a': '1' }),
  numbers: () => ({ a: 1, b: true, c: null, d: undefined }),
  lists: () => ({ a: ['1', '2'], b: { toString: () => 'x' } }),
  'a value that counts its reads': () => {
    let reads = 0
    return { a: { toString: () => `${++reads}` } }
  },
  'a getter that counts its reads': () => {
    let reads = 0
    return {
      get a() {
        return `${++reads}`
      },
    }
  },
  'a symbol': () => ({ [Symbol('a')]: '1', b: '2' }),
  inherited: () => Object.create({ a: '1' }),
  'not enumerable': () => Object.defineProperty({ b: '2' }, 'a', { value: '1' }),
  frozen: () => Object.freeze({ 'X-A': '1' }),
  'a Proxy': () => new Proxy({ 'X-A': '1' }, {}),
  'a bad name': () => ({ 'a b': '1' }),
  'a bad value': () => ({ a: 'x\ny' }),
  'a wide value': () => ({ a: '😀' }),
  'a Latin-1 value': () => ({ a: 'ü' }),
  'spaces around': () => ({ a: '\t 1 ' }),
  'a string': () => 'abc',
  'a number': () => 3,
  'a function': () => () => {},
  'its own key': () => ({ 'X-SESSION-ID': 'mine' }),
  'its own key, empty': () => [['x-session-id', '']],
  'its own key, in a Headers': () => new Headers({ 'x-session-id': 'mine' }),
  host: () => ({ Host: 'foo.example' }),
  expect: () => ({ Expect: '100-continue' }),
  'content-length': () => ({ 'Content-Length': '27', 'content-type': 'application/json' }),
  close: () => ({ Connection: 'close' }),
  'body headers': () => ({
    'content-type': 'application/json',
    'Content-Language': 'x',
    'content-location': '/x',
    'Content-Encoding': 'identity',
  }),
  credentials: () => ({
    authorization: 'b',
    Cookie: 'c',
    'proxy-authorization': 'p',
    'X-Api-Key': 'z',
    referer: 'http://x.test/',
  }),
}
