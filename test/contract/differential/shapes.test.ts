// Legal calls that are easy to get wrong, listed so that they are always played, whatever is drawn at random.

import { describe, expect, it } from 'vitest'
import type { Recipe } from './arguments.ts'
import { player } from './differential.ts'
import { recipeOf } from './suite.ts'

// A GET without any members, unless a shape adds some.
const GET = { method: 'absent', headers: 'absent', body: 'absent', duplex: 'absent' }
const each = (dimension: string, values: readonly string[], more: Recipe = {}): Recipe[] =>
  values.map((value) => ({ ...more, [dimension]: value }))
const same = { route: 'same', status: '302' }
const away = { route: 'away', status: '302' }
const post = (more: Recipe): Recipe => ({ method: 'POST', body: 'JSON', ...more })

const shapes: readonly Recipe[] = [
  {},
  { integrity: 'right' },
  { integrity: 'right', ...same },
  { integrity: 'wrong', ...same },
  ...each('route', [
    'userinfo here',
    'userinfo away',
    'ftp',
    'data',
    'blank',
    'a bad URL',
    'empty',
    'a fragment',
    'UTF-8',
  ]),
  ...each('redirect', ['a String', 'an object', 'null', 'undefined', 'manual', 'error'], away),
  ...each('method', ['an object', 'a String'], { ...same, body: 'not JSON' }),
  { method: 'null' },
  ...each('init', ['not enumerable', 'a Proxy that only gets', 'inherited', 'a function', 'getters'], {
    method: 'POST',
  }),
  ...each('init', ['null', 'a number', 'a string', 'a symbol', 'undefined']),
  ...each('headers', [
    'odd case',
    'pairs',
    'a Headers',
    'a Map',
    "the maker's Headers",
    'an iterable that is read once',
  ]),
  ...each('headers', [
    'one-shot pairs',
    'one-shot pairs with a key',
    'a bad name',
    'a bad value',
    'a string',
    'a number',
  ]),
  ...each('headers', ['null', 'a function', 'expect', 'host', 'its own key']),
  { input: 'Request', headers: 'odd case' },
  { ...same, hopHeaders: 'gzip', hopBody: 'text' },
  post({ route: 'same', status: '303', headers: 'body headers' }),
  ...each('body', ['JSON', 'a stream', 'a Blob', 'a query', 'bytes', 'a form'], post({ route: 'same', status: '307' })),
  post({ route: 'same', status: '302', body: 'a stream', duplex: 'half' }),
  post({ route: 'same', status: '307', body: 'a stream', duplex: 'half' }),
  post({ route: 'same', status: '307', input: 'Request' }),
  post({ route: 'away', status: '307', headers: 'credentials' }),
  { mode: 'same-origin', route: 'away', status: '307' },
  { mode: 'no-cors', ...away },
  { mode: 'same-origin', cache: 'only-if-cached' },
  { credentials: 'omit', referrer: 'about:client', referrerPolicy: 'no-referrer', cache: 'no-store', ...same },
  ...each('cache', ['default', 'reload', 'no-cache', 'force-cache', 'no-store'], same),
  { method: 'PUT', body: 'not JSON', route: 'same', status: '301' },
  { method: 'post', body: 'not JSON', route: 'same', status: '301' },
  { method: 'patch', body: 'not JSON', route: 'same', status: '303' },
  { method: 'HEAD', route: 'same', status: '303' },
  { body: 'not JSON' },
  ...each('input', ['URL with a fragment', 'refused port', 'bad port', 'nothing', 'undefined', 'userinfo', 'relative']),
  { input: 'URL with a fragment', route: 'a fragment, then none' },
  ...each('signal', ['aborted', 'aborted for an Error', 'aborted for a string', 'on arrival', 'after the head']),
  { signal: 'on the second arrival', ...same },
  post({ init: 'a Request' }),
  post({ input: 'Request with a body, and init', method: 'PUT', headers: 'pairs' }),
  post({ input: 'used Request' }),
  { keepalive: 'true', priority: 'high' },
  { window: 'x' },
  { referrer: 'here' },
  { referrer: 'here', referrerPolicy: 'unsafe-url', ...away },
  { referrer: 'here', hopHeaders: 'no-referrer', ...away },
]

describe.each(["the platform's", 'undici 8', 'one that logs clones'])('affinityFetch over %s', (maker) => {
  const { compare } = player(maker)
  it.each(shapes.map((shape) => [JSON.stringify(shape), shape] as const))(
    'sends and returns what the bare fetch sends and returns: %s',
    async (_title, shape) => {
      expect((await compare(recipeOf({ ...GET, ...shape })))?.differences).toEqual([])
    },
  )
})

describe('affinityFetch over @whatwg-node/fetch, which ignores the init next to a Request', () => {
  const { compare } = player('@whatwg-node/fetch')
  it.each(['same', 'away'])('sends no key to another origin where a Request is redirected: %s', async (route) => {
    const { differences = [] } = (await compare(recipeOf({ input: 'Request', route }))) ?? {}
    expect(differences).toEqual([])
  })
})
