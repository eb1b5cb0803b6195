// Node's own fetch follows redirects internally, but each hop passes the guard. Any other function may do anything with a
// request: a logger, a mock, another library's fetch.

import { enableGuard } from '../stamping/guard.js'

/** The type that every SDK accepts as its `fetch`. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** A fetch with the types of its own package for requests and responses, such as node-fetch. */
export type AnyFetch = (...args: never[]) => Promise<unknown>

// Node's fetch is a few lines of JavaScript that load the undici inside of Node (22 to 26).
const OWN = /\brequire\('internal\/deps\/undici\/undici'\)/
const known = new WeakMap<object, boolean>()

// undici's own dispatchers, whose requests all pass the guard. Those of a mock or of another library may not.
const DISPATCHERS = /^(Agent|Pool|BalancedPool|Client|RetryAgent|ProxyAgent|EnvHttpProxyAgent|Dispatcher1Wrapper)$/
const GLOBAL_DISPATCHER = Symbol.for('undici.globalDispatcher.1')

/** Whether the guard checks every request of this fetch, hop by hop. */
export function isGuarded(fetch: object): boolean {
  let isOwn = known.get(fetch)
  if (isOwn === undefined) {
    isOwn = typeof fetch === 'function' && OWN.test(Function.prototype.toString.call(fetch)) && enableGuard()
    known.set(fetch, isOwn)
  }
  return isOwn && isKnownDispatcher()
}

function isKnownDispatcher(): boolean {
  const dispatcher: unknown = Reflect.get(globalThis, GLOBAL_DISPATCHER)
  return dispatcher === undefined || DISPATCHERS.test(String(Object(dispatcher).constructor?.name))
}
