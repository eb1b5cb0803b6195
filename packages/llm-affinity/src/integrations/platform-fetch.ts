// Node's own fetch follows redirects below our sight, but above the guard. Any other function may do with a request what it
// likes: a logger, a mock, another library's fetch.

import { enableGuard } from '../stamping/guard.js'

/** What every SDK takes as its `fetch`. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

// Node's fetch is a few lines of JavaScript that load the undici inside of Node (22 to 26).
const OWN = /\brequire\('internal\/deps\/undici\/undici'\)/
const known = new WeakMap<object, boolean>()

// undici's own dispatchers, all of which come down to requests that the guard sees. A mock or one of another make may not.
const DISPATCHERS = /^(Agent|Pool|BalancedPool|Client|RetryAgent|ProxyAgent|EnvHttpProxyAgent|Dispatcher1Wrapper)$/
const GLOBAL_DISPATCHER = Symbol.for('undici.globalDispatcher.1')

/** Whether what this fetch sends is checked by the guard, hop by hop. */
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
