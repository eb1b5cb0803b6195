// The values of the members of an init, by the names that a failure report uses. The first of each is the usual value.
// Values that can be read only once are made for each call.

import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { FINAL_TEXT } from './answers.ts'
import { headers } from './headers.ts'
import { ABSENT, type Kit, type Values } from './values.ts'

const JSON_BODY = '{"model":"m","messages":[]}'
const absent = (): unknown => ABSENT
const same = (...values: readonly string[]): Values => Object.fromEntries(values.map((value) => [value, () => value]))
const odd: Values = { undefined: () => undefined, null: () => null }
const text = (value: string): object => ({ toString: () => value })
const bytes = (): Uint8Array => new TextEncoder().encode(JSON_BODY)
const sri = (of: string): string => `sha256-${createHash('sha256').update(of).digest('base64')}`
const form = ({ maker }: Kit): FormData => {
  const made = new maker.FormData()
  made.set('model', 'm')
  return made
}
const streamOf = (...chunks: unknown[]): ReadableStream =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })

const method: Values = {
  POST: () => 'POST',
  absent,
  ...same('GET', 'post', 'pOsT', 'get', 'PUT', 'put', 'PATCH', 'patch', 'DELETE', 'HEAD', 'head', 'OPTIONS', 'QUERY'),
  ...same('bad method', 'TRACE', 'connect', 'purge', ''),
  'a String': () => new String('POST'),
  'an object': () => text('post'),
  ...odd,
}

const body: Values = {
  JSON: () => JSON_BODY,
  absent,
  ...odd,
  'an empty string': () => '',
  'an empty object': () => '{}',
  'wide text': () => '{"ü":"😀\ud800"}',
  'not JSON': () => 'hello',
  'a String': () => new String(JSON_BODY),
  'its own key': () => '{"prompt_cache_key":"mine"}',
  bytes,
  'an ArrayBuffer': () => bytes().buffer,
  'a DataView': () => new DataView(bytes().buffer, 2, 4),
  'a Buffer': () => Buffer.from(JSON_BODY),
  'a Blob': () => new Blob([JSON_BODY], { type: 'application/json' }),
  'a File': () => new File(['abc'], 'a.txt'),
  'a form': form,
  'a query': () => new URLSearchParams({ a: '1', b: 'ü' }),
  'a stream': () => streamOf(bytes()),
  'an empty stream': () => streamOf(),
  'a stream of strings': () => streamOf('abc'),
  'a stream that fails': () => new ReadableStream({ pull: (controller) => controller.error(new RangeError('mine')) }),
  'a locked stream': () => {
    const stream = streamOf(bytes())
    stream.getReader()
    return stream
  },
  'a Readable': () => Readable.from([Buffer.from(JSON_BODY)]),
  'a generator': async function* () {
    yield bytes()
  },
  'a number': () => 3,
  'an object': () => ({ model: 'm' }),
}

const redirect: Values = {
  absent,
  ...same('follow', 'manual', 'error', 'FOLLOW'),
  'a String': () => new String('follow'),
  'an object': () => text('follow'),
  'an object that counts': () => {
    let reads = 0
    return { toString: () => (reads++ === 0 ? 'follow' : 'manual') }
  },
  ...odd,
}

const aborted = (reason?: unknown): AbortSignal => AbortSignal.abort(reason)
// run.ts aborts the signals named "on …" and "after …".
const live = ({ controller }: Kit): AbortSignal => controller.signal
const signal: Values = {
  absent,
  live,
  ...odd,
  aborted: () => aborted(),
  'aborted for an Error': () => aborted(new RangeError('mine')),
  'aborted for a string': () => aborted('mine'),
  'on arrival': live,
  'on arrival, for a string': live,
  'on the second arrival': live,
  'after the head': live,
  'after the body': live,
  'a tick after the call': live,
  'of several': ({ controller }) => AbortSignal.any([controller.signal, new AbortController().signal]),
  'a timeout': () => AbortSignal.timeout(60_000),
  'an object': () => ({}),
  'a string': () => 'abc',
}

/** By the name of the member. */
export const members: Readonly<Record<string, Values>> = {
  method,
  headers,
  body,
  redirect,
  signal,
  integrity: { absent, right: () => sri(FINAL_TEXT), wrong: () => sri('wrong'), ...same('', 'odd'), ...odd },
  mode: { absent, ...same('cors', 'no-cors', 'same-origin', 'navigate', 'bad'), ...odd },
  credentials: { absent, ...same('omit', 'same-origin', 'include', 'bad') },
  cache: { absent, ...same('default', 'no-store', 'reload', 'no-cache', 'force-cache', 'only-if-cached', 'bad') },
  referrer: {
    absent,
    here: ({ home }) => `${home}/from?a=b`,
    'a URL': ({ home }) => new URL(`${home}/from`),
    foreign: ({ foreign }) => `${foreign}/from`,
    ...same('', 'about:client', 'http://[::'),
  },
  referrerPolicy: {
    absent,
    ...same(
      '',
      'no-referrer',
      'origin',
      'unsafe-url',
      'same-origin',
      'strict-origin',
      'origin-when-cross-origin',
      'bad',
    ),
  },
  keepalive: { absent, true: () => true, false: () => false, 'a string': () => 'x', ...odd },
  duplex: { half: () => 'half', absent, ...same('full', 'bad') },
  priority: { absent, ...same('high', 'low', 'bad') },
  window: { absent, null: () => null, ...same('x') },
  // Members that only some makers read, or none.
  follow: { absent, one: () => 1, none: () => 0 },
  unknown: { absent, symbol: () => 1, next: () => ({ revalidate: 1 }) },
}
