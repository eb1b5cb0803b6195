// The fetches that affinityFetch wraps.

import { createRequire } from 'node:module'
import * as undici8 from 'undici'
import * as undici7 from 'undici7'
import { nextStep } from './servers.ts'

/** A fetch as it may be called: with any arguments, and a result that is not always a promise. */
export type AnyFetch = (...args: unknown[]) => unknown

export interface Maker {
  readonly fetch: AnyFetch
  /** Its own classes, if it has any. */
  readonly Request: new (
    input: string | URL,
    init?: object,
  ) => { readonly url: string }
  readonly Headers: new (init?: object) => Headers
  readonly FormData: new () => FormData
  /** Whether affinityFetch looks it up itself. */
  readonly isDefault?: boolean
  /** Whether it is the platform's own, which follows redirects itself. */
  readonly isPlatform?: boolean
  /** Whether the order in which it sends headers depends on how they were passed. */
  readonly isUnordered?: boolean
  /** Whether it follows redirects differently from the standard. */
  readonly isOwnWay?: boolean
  /** Values that hang it, or crash the process, without our code: not played. By dimension. */
  readonly broken?: Readonly<Record<string, readonly string[]>>
  /** Whether it answers without a server. */
  readonly isInMemory?: boolean
}

const platform = { Request, Headers, FormData } as unknown as Omit<Maker, 'fetch'>
const bare: AnyFetch = (globalThis as unknown as { fetch: AnyFetch }).fetch

// Not imported: their types, if any, would change the global types of every test.
const load: (name: string) => Record<string, unknown> = createRequire(import.meta.url)
const nodeFetch3 = load('node-fetch3')
const nodeFetch2 = load('node-fetch2')
const whatwg = load('@whatwg-node/fetch')
const from = (module: object, fetch: unknown): Maker => ({ FormData, ...module, fetch }) as unknown as Maker
// A second redirect of a request with a body, and a redirect to a URL with credentials, throw an uncatchable error.
const NODE_FETCH_3 = {
  route: [
    ...['same, then away', 'away and back', 'away, then on there', 'three', 'twenty', 'endless'],
    ...['a fragment, then none', 'userinfo here', 'userinfo away'],
  ],
  // An abort destroys the body with an error that has no listener.
  signal: [
    ...['aborted', 'aborted for an Error', 'aborted for a string', 'a tick after the call'],
    ...['on arrival', 'on arrival, for a string', 'on the second arrival', 'after the head', 'after the body'],
  ],
  // The clone of a body that cannot be read never ends.
  final: ['not gzip', 'truncated'],
  // On a redirect it waits for the body of a Request, which it has already sent.
  input: ['Request', 'subclass of Request', 'Request with a body, and init'],
}
// It spreads the init, as many wrappers do, and so loses members that are not own properties.
const NOT_SPREAD = [
  ...['inherited', 'inherited twice', 'half inherited', 'not enumerable', 'getters', 'a Proxy that only gets'],
  ...['a Request', 'a string', 'null', 'a number', 'a symbol'],
]
const limited: AnyFetch = (input, init) => (nodeFetch3.default as AnyFetch)(input, { ...Object(init), follow: 1 })

/** A Response for the script of the call, made in memory. */
function made(input: unknown): Response {
  const url = typeof input === 'object' && input !== null && 'url' in input ? String(input.url) : String(input)
  const step = nextStep(url)
  if (step === undefined || step.how === 'reset') throw new TypeError('nothing is mocked here')
  const isEmpty = step.status === 204 || step.status === 304
  return new Response(isEmpty ? null : new Uint8Array(step.body), {
    status: step.status,
    ...(step.statusText && { statusText: step.statusText }),
    headers: step.headers.map(([name, value]): [string, string] => [name, value]),
  })
}

/** A typical test double: an object with the members that its client reads. */
function double(response: Response): object {
  const { ok, status, headers } = response
  return { ok, status, headers, json: () => response.json(), text: () => response.text() }
}

const kept: unknown[] = []

/** A fetch that is patched in the test's process. The patch changes the process's sockets too. */
export function patched(): Maker {
  const { FetchInterceptor } = load('@mswjs/interceptors/fetch') as { FetchInterceptor: new () => { apply(): void } }
  new FetchInterceptor().apply()
  return { ...platform, fetch: globalThis.fetch as unknown as AnyFetch }
}

export const makers = {
  "the platform's": { ...platform, fetch: bare, isDefault: true, isPlatform: true },
  "the platform's, given": { ...platform, fetch: bare, isPlatform: true },
  'undici 8': from(undici8, undici8.fetch),
  'undici 7': from(undici7, undici7.fetch),
  'node-fetch 3': { ...from(nodeFetch3, nodeFetch3.default), isOwnWay: true, broken: NODE_FETCH_3 },
  'node-fetch 3 with a redirect limit': {
    ...from(nodeFetch3, limited),
    isOwnWay: true,
    broken: { ...NODE_FETCH_3, init: NOT_SPREAD, follow: ['one', 'none'] },
  },
  'node-fetch 2': {
    ...from(nodeFetch2, nodeFetch2),
    isOwnWay: true,
    // It waits for the rest, and so does the clone of a body that cannot be read.
    broken: { final: ['truncated', 'not gzip'] },
  },
  '@whatwg-node/fetch': {
    ...from(whatwg, whatwg.fetch),
    isOwnWay: true,
    isUnordered: true,
    broken: { body: ['a stream that fails'] },
  },
  'one that logs clones': {
    ...platform,
    fetch: async (...args) => {
      const response = (await bare(...args)) as Response
      kept.push(response.clone())
      if (kept.length > 100) kept.shift()
      return response
    },
  },
  'a plain object': {
    ...platform,
    fetch: async (...args) => double((await bare(...args)) as Response),
  },
  'a frozen object': {
    ...platform,
    fetch: async (...args) => Object.freeze(double((await bare(...args)) as Response)),
  },
  'a thenable': {
    ...platform,
    fetch: (...args) => ({
      // biome-ignore lint/suspicious/noThenProperty: this is what is tested
      then: (done: never, failed: never) => (bare(...args) as Promise<Response>).then(done, failed),
    }),
  },
  'a sync double': { ...platform, isInMemory: true, fetch: made },
  'an async double': { ...platform, isInMemory: true, fetch: async (input) => made(input) },
  'an object, sync': { ...platform, isInMemory: true, fetch: (input) => double(made(input)) },
  'one that throws': {
    ...platform,
    isInMemory: true,
    fetch: () => {
      throw new RangeError('not today')
    },
  },
  'one that rejects with a string': { ...platform, isInMemory: true, fetch: () => Promise.reject('not today') },
  'one that rejects with undefined': { ...platform, isInMemory: true, fetch: () => Promise.reject() },
  'one that gives undefined': { ...platform, isInMemory: true, fetch: async () => undefined },
} satisfies Record<string, Maker> as Readonly<Record<string, Maker>>
