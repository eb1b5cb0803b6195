import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import * as check from '../util/check.js'

/**
 * Which target gets a request.
 *
 * - `'round-robin'`, `'random'`.
 * - `{ weights }`: random, with a weight for each target, in their order.
 * - `{ firstFit: n }`: the first target with fewer than `n` requests in flight; the last one if there is none.
 * - `'address'`, `'connection'`: by a hash of the client's address, or of its connection.
 * - `{ promptWords: n }`: by a hash of the first `n` words of the body.
 * - `{ header }`: see `HeaderPolicy`.
 * - `{ token: name }`: the target that the request's header of this name was handed out for, as with llm-d and Envoy's stateful
 *   sessions. A request without one, or with an unknown value, goes to the next target in turn, and its answer hands out one.
 * - `{ cookie: name }`: the same with a cookie, as with Caddy's and HAProxy's.
 */
export type Policy =
  | 'round-robin'
  | 'random'
  | 'address'
  | 'connection'
  | { readonly weights: readonly number[] }
  | { readonly firstFit: number }
  | { readonly promptWords: number }
  | { readonly token: string }
  | { readonly cookie: string }
  | HeaderPolicy

/**
 * Rendezvous hashing of a header's value over the names of the targets: equal values reach the same target, and adding or
 * removing a target moves only its own share.
 */
export interface HeaderPolicy {
  readonly header: string
  /**
   * Where requests without the header go: to a random target, as with Caddy's `lb_policy header`; all to the same one, as with
   * nginx's `hash`; or nowhere: 400. @default 'random'
   */
  readonly missing?: 'random' | 'same' | 'reject'
  /** The first turn that is pinned: the turns of a request are its messages of the user. @default 1 */
  readonly fromTurn?: number
  /** Only requests whose body has at least this many words are pinned. @default 0 */
  readonly minWords?: number
  /** A value moves to another target, at random, after it was not seen for this many milliseconds. @default never */
  readonly ttlMs?: number
  /** The share of requests, from 0 to 1, that go to a random target instead. @default 0 */
  readonly spill?: number
}

/** What a policy can read. */
interface PickInput {
  readonly request: IncomingMessage
  /** Present where the policy reads it. */
  readonly body: Buffer | undefined
  /** The number of requests in flight, by the name of the target. */
  readonly inFlight: ReadonlyMap<string, number>
}

export interface Pick {
  readonly readsBody: boolean
  /** Returns the index of the target. */
  target(input: PickInput): number
  /** What the answer hands out. */
  readonly handsOut?: (request: IncomingMessage, target: number) => HandedOut | undefined
}

interface HandedOut {
  readonly name: string
  readonly value: string
}

/** Returns the policy as a function; throws a TypeError for an unknown policy. */
export function picker(policy: unknown, names: readonly string[], seed: number): Pick {
  // Small seeds that follow each other would begin with similar numbers.
  const generator = xoroshiro128plus(hash('sha1', String(seed), 'buffer').readInt32BE())
  const random = (): number => uniformInt(generator, 0, names.length - 1)
  const fraction = (): number => uniformFloat64(generator)
  const plain = (target: Pick['target']): Pick => ({ readsBody: false, target })
  if (policy === 'random') return plain(random)
  if (policy === 'round-robin') {
    let turn = 0
    return plain(() => turn++ % names.length)
  }
  if (policy === 'address') return plain(({ request }) => rendezvous(names, request.socket.remoteAddress ?? ''))
  if (policy === 'connection') {
    const chosen = new WeakMap<Socket, number>()
    return plain(({ request: { socket } }) => {
      const target = chosen.get(socket) ?? random()
      chosen.set(socket, target)
      return target
    })
  }
  if (typeof policy === 'object' && policy !== null) {
    if ('weights' in policy) return plain(byWeight(policy.weights, names.length, fraction))
    if ('firstFit' in policy) {
      const most = check.whole('policy.firstFit', policy.firstFit, 1)
      return plain(({ inFlight }) => {
        const free = names.findIndex((name) => (inFlight.get(name) ?? 0) < most)
        return free < 0 ? names.length - 1 : free
      })
    }
    if ('promptWords' in policy) {
      const count = check.whole('policy.promptWords', policy.promptWords, 1)
      const target: Pick['target'] = ({ body }) => rendezvous(names, wordsOf(body).slice(0, count).join(' '))
      return { readsBody: true, target }
    }
    if ('token' in policy) return byToken(policy.token, names, (name, request) => request.headers[name])
    if ('cookie' in policy) return byCookie(policy.cookie, names)
    if ('header' in policy) return byHeader(policy as HeaderPolicy, names, random, fraction)
  }
  return check.wrong("`policy` to be 'round-robin', 'random' or { header: 'a-name' }", policy)
}

/** Answered with 400. */
export const REJECTED = -1

function byHeader(policy: HeaderPolicy, names: readonly string[], random: () => number, fraction: () => number): Pick {
  const { header, missing = 'random', fromTurn = 1, minWords = 0, ttlMs = Number.POSITIVE_INFINITY, spill = 0 } = policy
  if (typeof header !== 'string' || header === '') {
    return check.wrong("`policy` to be 'round-robin', 'random' or { header: 'a-name' }", policy)
  }
  check.whole('policy.fromTurn', fromTurn, 1)
  check.whole('policy.minWords', minWords)
  if (ttlMs !== Number.POSITIVE_INFINITY) check.milliseconds('policy.ttlMs', ttlMs)
  if (!(spill >= 0 && spill <= 1)) check.wrong('`policy.spill` to be a number from 0 to 1', spill)
  const pins = new Map<string, { target: number; usedAt: number }>()
  const pinned = (value: string): number => {
    if (ttlMs === Number.POSITIVE_INFINITY) return rendezvous(names, value)
    const now = performance.now()
    const pin = pins.get(value)
    const isAlive = pin !== undefined && now - pin.usedAt <= ttlMs
    const target = isAlive ? pin.target : random()
    pins.set(value, { target, usedAt: now })
    return target
  }
  return {
    readsBody: fromTurn > 1 || minWords > 0,
    target: ({ request, body }) => {
      const value = request.headers[header.toLowerCase()]
      if (value === undefined)
        return missing === 'reject' ? REJECTED : missing === 'same' ? rendezvous(names, '') : random()
      if (spill > 0 && fraction() < spill) return random()
      if (fromTurn > 1 && turnOf(body) < fromTurn) return random()
      return wordsOf(body).length < minWords ? random() : pinned(String(value))
    },
  }
}

type ReadToken = (name: string, request: IncomingMessage) => unknown

function byToken(given: unknown, names: readonly string[], read: ReadToken, isCookie = false): Pick {
  const name = typeof given === 'string' && given !== '' ? given : check.wrong('the name of a header or cookie', given)
  // Opaque, as those of real gateways, and the same in every run.
  const tokens = names.map((target) => hash('sha1', target).slice(0, 16))
  const pinned = (request: IncomingMessage): number => tokens.indexOf(String(read(name.toLowerCase(), request)))
  let turn = 0
  return {
    readsBody: false,
    target: ({ request }) => (pinned(request) < 0 ? turn++ % names.length : pinned(request)),
    handsOut: (request, target) => {
      if (pinned(request) >= 0) return undefined
      const value = tokens[target] ?? ''
      return isCookie ? { name: 'set-cookie', value: `${name}=${value}; Path=/; HttpOnly` } : { name, value }
    },
  }
}

function byCookie(given: unknown, names: readonly string[]): Pick {
  return byToken(
    given,
    names,
    (_, request) => {
      const pairs = String(request.headers.cookie ?? '').split(/; */)
      return pairs.find((pair) => pair.startsWith(`${String(given)}=`))?.slice(String(given).length + 1)
    },
    true,
  )
}

function byWeight(weights: unknown, count: number, fraction: () => number): Pick['target'] {
  const isValid = Array.isArray(weights) && weights.length === count && weights.every((weight) => weight >= 0)
  if (!isValid) return check.wrong(`\`policy.weights\` to be ${count} numbers, 0 or more`, weights)
  const all: readonly number[] = weights
  const total = all.reduce((sum, weight) => sum + weight, 0)
  return () => {
    let rest = fraction() * total
    const index = all.findIndex((weight) => {
      rest -= weight
      return rest < 0
    })
    return index < 0 ? count - 1 : index
  }
}

function wordsOf(body: Buffer | undefined): readonly string[] {
  return body?.toString().match(/\S+/g) ?? []
}

function turnOf(body: Buffer | undefined): number {
  return body?.toString().match(/"role":\s*"user"/g)?.length ?? 0
}

/** Rendezvous hashing: the index of the name whose hash with the value is the highest. */
function rendezvous(names: readonly string[], value: string): number {
  let best = 0
  let highest = ''
  for (const [index, name] of names.entries()) {
    const score = hash('sha1', `${name}\n${value}`)
    if (score > highest) {
      best = index
      highest = score
    }
  }
  return best
}
