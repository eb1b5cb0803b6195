import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { wrong } from '../util/check.js'

/**
 * Which target gets a request. `{ header }` is rendezvous hashing of that header's value over the names of the targets:
 * equal values reach the same target, and adding or removing a target moves only its own share. A request without the
 * header goes to a random target, as with Caddy's `lb_policy header`; a fixed order could match the callers' own order.
 */
export type Policy = 'round-robin' | 'random' | { readonly header: string }

/** Returns the index of the target. */
export type Pick = (request: IncomingMessage) => number

/** Returns the policy as a function; throws a TypeError for an unknown policy. */
export function picker(policy: unknown, names: readonly string[], seed: number): Pick {
  const generator = xoroshiro128plus(seed)
  const random: Pick = () => uniformInt(generator, 0, names.length - 1)
  if (policy === 'random') return random
  if (policy === 'round-robin') {
    let turn = 0
    return () => turn++ % names.length
  }
  const name = typeof policy === 'object' && policy !== null && 'header' in policy ? policy.header : undefined
  if (typeof name !== 'string' || name === '') {
    return wrong("`policy` to be 'round-robin', 'random' or { header: 'a-name' }", policy)
  }
  return (request) => {
    const value = request.headers[name.toLowerCase()]
    return value === undefined ? random(request) : rendezvous(names, String(value))
  }
}

/** Rendezvous hashing: the index of the name whose hash with the value is the highest. */
export function rendezvous(names: readonly string[], value: string): number {
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
