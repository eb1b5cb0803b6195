// What is known of each client of clients.mjs and sdks.mjs, and the Nodes that they run on.

import { binaryOf } from '../runtimes/pinned.ts'
import { isInstalled, oldNode } from './packages.ts'

export interface Client {
  readonly name: string
  /**
   * How many calls of a session carry its key. `some`: those that wait in a queue, or are repeated, come from code that
   * runs for another conversation. They carry the right key or none.
   */
  readonly reach: 'all' | 'some' | 'none'
  /** Whether it is made on node:http, which has a channel since Node 22.12. */
  readonly isHttp?: boolean
  /** Where it is `some` over TLS: undici 8 then speaks HTTP/2, and calls wait for the first connection. */
  readonly waitsOverTLS?: boolean
  readonly redirects?: boolean
  /** Whether it makes a call again that was answered 503. */
  readonly retries?: boolean
  /** Whether it calls no server without TLS. */
  readonly tlsOnly?: boolean
  /** Whether it is a package that install.ts brings. */
  readonly isExtra?: boolean
}

const undici = (version: string, waitsOverTLS: boolean): Client[] => [
  { name: `${version}, request, an Agent`, reach: 'all', waitsOverTLS },
  { name: `${version}, request, one connection`, reach: 'all' },
  { name: `${version}, request, two connections`, reach: 'some' },
  { name: `${version}, request, a Pool of one`, reach: 'some' },
  { name: `${version}, request, retry`, reach: 'some', retries: true },
  { name: `${version}, request, RetryAgent`, reach: 'some', retries: true },
  { name: `${version}, request, redirect`, reach: 'some', redirects: true },
  { name: `${version}, request, redirect, two connections`, reach: 'some', redirects: true },
  { name: `${version}, fetch, an Agent`, reach: 'all', waitsOverTLS, redirects: true },
  { name: `${version}, fetch, two connections`, reach: 'some', redirects: true },
  { name: `${version}, stream, an Agent`, reach: 'all', waitsOverTLS },
  { name: `${version}, stream, two connections`, reach: 'some' },
]

const sdk = { reach: 'all', redirects: true, retries: true } as const
const extraOnHttp = { isExtra: true, isHttp: true, reach: 'all' } as const

const clients: readonly Client[] = [
  { name: 'the built-in fetch', reach: 'all', redirects: true },
  ...undici('undici7', false),
  ...undici('undici', true),
  { name: 'node:http', reach: 'all', isHttp: true },
  { name: 'node:http, one socket', reach: 'all', isHttp: true },
  // These are written before the channel has a subscriber called.
  { name: 'node:http, flat headers', reach: 'none', isHttp: true },
  { name: 'node:http, expecting 100-continue', reach: 'none', isHttp: true },
  { name: 'axios', ...extraOnHttp, redirects: true },
  { name: 'axios, one socket', ...extraOnHttp, redirects: true },
  { name: 'axios by fetch', reach: 'all', isExtra: true, redirects: true },
  { name: 'superagent', ...extraOnHttp, redirects: true },
  { name: 'got', ...extraOnHttp, redirects: true, retries: true },
  { name: 'got, one socket', ...extraOnHttp, redirects: true, retries: true },
  { name: 'openai 4', ...extraOnHttp, ...sdk },
  { name: 'openai 5', ...sdk, isExtra: true },
  { name: 'openai 6', ...sdk },
  { name: 'openai 7', ...sdk },
  { name: 'Anthropic 0.29', ...extraOnHttp, ...sdk },
  { name: 'Anthropic 1', ...sdk },
  // Over node:http2, which has no channels.
  { name: 'AWS SDK, its own handler', reach: 'none', isExtra: true, tlsOnly: true },
  { name: 'AWS SDK, NodeHttpHandler', ...extraOnHttp },
]

export interface Node {
  readonly title: string
  /** Undefined where it is not installed. */
  readonly binary: string | undefined
  readonly hasHttpChannel: boolean
  /** The names of the clients that are run on it. */
  readonly clients: readonly Client[]
}

const old = (version: string, hasHttpChannel: boolean): Node => ({
  title: `Node ${version}`,
  binary: isInstalled ? oldNode(version) : undefined,
  hasHttpChannel,
  clients: clients.filter(({ name }) => OLD.includes(name)),
})
const OLD = ['the built-in fetch', 'undici7, request, an Agent', 'node:http', 'axios', 'openai 4', 'openai 6']

// What differs between Nodes is the undici inside, and the channels of node:http. Every client runs on the Node of the tests,
// which the workflow of CI runs on each.
const OTHER = [
  ...OLD,
  'undici, request, an Agent',
  'undici, request, two connections',
  'undici, request, retry',
  'undici, request, redirect',
  'undici, fetch, an Agent',
  'node:http, flat headers',
  'openai 7',
  'Anthropic 1',
  'AWS SDK, its own handler',
]

const other = (version: '22' | '26'): Node => ({
  title: `Node ${version}`,
  binary: binaryOf(`node${version}`),
  hasHttpChannel: true,
  clients: clients.filter(({ name }) => OTHER.includes(name)),
})

/** The Nodes that are supported now: the one that runs the tests, and two others. */
export const currentNodes: readonly Node[] = [
  other('22'),
  { title: `Node ${process.versions.node}`, binary: process.execPath, hasHttpChannel: true, clients },
  other('26'),
]

export const nodes: readonly Node[] = [
  old('22.3.0', false),
  old('22.11.0', false),
  old('22.12.0', true),
  ...currentNodes,
]

/** Why a client cannot be run on a Node here, or undefined. */
export function missing(node: Node, client?: Client): string | undefined {
  if (node.binary === undefined) return `${node.title} is not installed: npm run runtimes:install`
  if (client?.isExtra && !isInstalled) {
    return `${client.name} is not installed: npm run runtimes:install`
  }
  return undefined
}

/** How much of a client is reached on a Node, over TLS or without. */
export function reachOn(
  { hasHttpChannel }: Node,
  { reach, isHttp, waitsOverTLS }: Client,
  isTLS: boolean,
): Client['reach'] {
  if (isHttp && !hasHttpChannel) return 'none'
  return waitsOverTLS && isTLS ? 'some' : reach
}
