import type { Theme } from './stack.ts'

const plain = { bases: ['Agent'], schemes: ['http'], h2: false, connections: [null, 4], global: false } as const
const retried = { ...plain, bases: ['RetryAgent', 'RetryAgent above'], connections: [null, 1] } as const
const proxied = {
  ...plain,
  bases: ['ProxyAgent', 'ProxyAgent, tunnel'],
  schemes: ['http', 'https'],
  connections: [1, 3],
} as const

/** What the stacks of one test have in common. */
export const themes: readonly Theme[] = [
  { ...plain, title: 'an Agent' },
  { ...plain, title: 'an Agent with one connection per origin', connections: [1] },
  // Fewer connections than by default, since each costs a handshake: the time is better spent on more stacks.
  { ...plain, title: 'an Agent over TLS', schemes: ['https'], connections: [1, 3] },
  { ...plain, title: 'an Agent with HTTP/2', schemes: ['https'], h2: true, connections: [1, 2] },
  { ...retried, title: 'a RetryAgent' },
  { ...proxied, title: 'a ProxyAgent' },
  { ...plain, title: 'the global dispatcher under the platform’s fetch', global: true, connections: [null, 1] },
]
