import { affinityInterceptor } from 'llm-affinity/undici'
import type * as undici8 from 'undici'
import { neighbours, type Undici } from './neighbours.ts'
import type { Random } from './random.ts'
import { lookup, type Origins, type Scheme, type Servers } from './servers.ts'

/** The dispatcher at the bottom of a stack. */
type Base = 'Agent' | 'RetryAgent' | 'RetryAgent above' | 'ProxyAgent' | 'ProxyAgent, tunnel'

export interface StackShape {
  readonly base: Base
  /** Interceptors as `compose` takes them: the last one is called first. */
  readonly order: readonly string[]
  readonly scheme: Scheme
  readonly h2: boolean
  readonly connections: number | null
  /** Whether it is called through the platform's fetch, by `setGlobalDispatcher`. */
  readonly global: boolean
}

export const OURS = 'affinity'

export interface Theme {
  readonly title: string
  readonly bases: readonly Base[]
  readonly schemes: readonly Scheme[]
  readonly h2: boolean
  readonly connections: readonly (number | null)[]
  readonly global: boolean
}

// Orders that have failed before, or that are rarely drawn at random.
const PICKED: readonly (readonly string[])[] = [
  ['redirect', 'cache', OURS],
  ['cache', 'redirect', OURS],
  ['redirect', 'copy to a list', OURS],
  ['redirect', 'frozen', OURS, 'retry'],
  ['redirect', OURS, 'retry'],
  ['retry', 'redirect', OURS],
  [OURS, 'retry', 'redirect'],
  [OURS, 'redirect', 'cache', 'deduplicate'],
  // The request to the foreign host has the Host header that `dns` made for home.
  ['failover to a foreign origin', 'dns', OURS],
  ['failover to a foreign origin', OURS, 'dns'],
  ['dns', 'failover to a foreign origin', OURS],
  ['dns', 'redirect', OURS],
  ['redirect', 'dns', OURS],
]

export function shapeOf(random: Random, theme: Theme): StackShape {
  const base = random.pick(theme.bases)
  const order = random.chance(25) ? [...random.pick(PICKED)] : orderOf(random)
  for (const [i, name] of order.entries()) order[i] = substitute(name, order, base, theme)
  return {
    base,
    order,
    scheme: random.pick(theme.schemes),
    h2: theme.h2,
    connections: random.pick(theme.connections),
    global: theme.global,
  }
}

function orderOf(random: Random): string[] {
  const order = random.sample(Object.keys(neighbours), random.pick([0, 1, 2, 2, 3, 3, 3]))
  // Without an interceptor that follows redirects or dispatches again, little can go wrong in a stack.
  if (!order.includes('redirect') && order.length > 0 && random.chance(60))
    order[random.below(order.length)] = 'redirect'
  order.splice(random.below(order.length + 1), 0, OURS)
  return order
}

// Replaces combinations in which undici itself hangs, fails or loses headers, without our interceptor.
function substitute(name: string, order: readonly string[], base: Base, { global }: Theme): string {
  // `deduplicate` would merge a retry with the request that it retries.
  const isRetried = base === 'RetryAgent above' || order.lastIndexOf('retry') > order.indexOf('deduplicate')
  if (name === 'deduplicate' && isRetried) return 'cache'
  // The fetch of undici 8 waits for the body that `dump` discards.
  if (name === 'dump' && global) return 'cache'
  // The ProxyAgent of undici 7 writes to the caller's object, and treats a Headers or a Map as empty.
  const isUnsound = ['frozen', 'copy to Headers', 'copy to a Map'].includes(name)
  return base.startsWith('ProxyAgent') && isUnsound ? 'copy to a list' : name
}

export interface Stack {
  readonly dispatcher: undici8.Dispatcher
  close(): Promise<void>
}

/** A stack, with our interceptor or without it. */
export function build(u: Undici, shape: StackShape, origins: Origins, servers: Servers, isOurs: boolean): Stack {
  const { base, order, connections, h2 } = shape
  const interceptors = order.flatMap((name) => {
    if (name !== OURS) return [neighbours[name]?.(u, origins)].flatMap((made) => made ?? [])
    const note: undici8.Dispatcher.DispatcherComposeInterceptor = (dispatch) => servers.notePasses(dispatch)
    return isOurs ? [affinityInterceptor({ origins: [origins.home, origins.other] }), note] : [note]
  })
  const retry = { maxRetries: 2, minTimeout: 1, maxTimeout: 2, statusCodes: [503] }
  const options = { connections, allowH2: h2, connect: { secureContext: servers.trust, lookup } }
  const agent = base.startsWith('ProxyAgent')
    ? new u.ProxyAgent({
        uri: servers.proxy,
        connections,
        allowH2: h2,
        proxyTunnel: base === 'ProxyAgent, tunnel',
        requestTls: { secureContext: servers.trust },
      })
    : new u.Agent(options)
  // The dispatchers that `compose` and RetryAgent return cannot always be closed.
  const close = (): Promise<void> => agent.destroy()
  if (base === 'RetryAgent') return { dispatcher: new u.RetryAgent(agent, retry).compose(...interceptors), close }
  const composed = agent.compose(...interceptors)
  return { dispatcher: base === 'RetryAgent above' ? new u.RetryAgent(composed, retry) : composed, close }
}
