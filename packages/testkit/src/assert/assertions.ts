import { AssertionError } from 'node:assert'
import type { Recorder } from '../recorder.js'
import type { RecordedRequest } from '../requests.js'
import { type Carried, shown } from './carried.js'
import { nameOf, requestsIn } from './given.js'
import { type KeyOptions, keysOn } from './keys.js'
import type { Outgoing } from './outgoing.js'

/** Requests to look at: some that were picked, or all that a recorder has. */
export type Requests = readonly RecordedRequest[] | Recorder

/**
 * Every one of these calls carries a key, under each name the same, and all of them the same one.
 *
 * @returns The key.
 * @throws AssertionError that shows the request which does not, and what the others carry. So it does for no requests.
 *
 * @example
 * assertOneKey(server.requests.filter((request) => request.text().includes('invoice 42')))
 */
export function assertOneKey(requests: Requests, options?: KeyOptions): string {
  const list = listed(requests)
  const [first] = list
  if (first === undefined) return failed('Expected calls that carry one key, got no calls at all')
  const key = keyOf(first, 1, list.length, options)
  return allCarry(list, key, `the key of the first, ${key}`, options)
}

/** Every one of these calls carries this key, under each name. Fails as `assertOneKey` does. */
export function assertThisKey(requests: Requests, key: string, options?: KeyOptions): string {
  const list = listed(requests)
  if (list.length === 0) return failed(`Expected calls that carry the key ${key}, got no calls at all`)
  return allCarry(list, key, `the key ${key}`, options)
}

function allCarry(list: readonly RecordedRequest[], key: string, wanted: string, options?: KeyOptions): string {
  for (const [at, request] of list.entries()) {
    const other = keyOf(request, at + 1, list.length, options)
    if (other === key) continue
    failed(`Expected all calls to carry ${wanted}, got ${other} on call ${at + 1}:\n\n${shown(readable(request))}`)
  }
  return key
}

/** None of these calls carries a key. Passes for no calls. */
export function assertNoKey(requests: Requests, options?: KeyOptions): void {
  for (const [at, request] of listed(requests).entries()) {
    const [found] = keysOn(readable(request), options)
    if (found !== undefined) {
      failed(
        `Expected calls that carry no key, got ${found.join(': ')} on call ${at + 1}:\n\n${shown(readable(request))}`,
      )
    }
  }
}

/**
 * Each of these conversations carries one key, and no two the same.
 *
 * @returns The keys, in order.
 */
export function assertDifferentKeys(conversations: readonly Requests[], options?: KeyOptions): string[] {
  if (!Array.isArray(conversations))
    throw new TypeError(`Expected a list of conversations, got ${nameOf(conversations)}`)
  const keys = conversations.map((requests) => assertOneKey(requests, options))
  const again = keys.findIndex((key, at) => keys.indexOf(key) < at)
  if (again < 0) return keys
  const [request] = listed(conversations[again] ?? [])
  return failed(
    `Expected conversations with a key each, got ${keys[again]} in number ${keys.indexOf(keys[again] ?? '') + 1} and number ${again + 1}:` +
      (request === undefined ? '' : `\n\n${shown(readable(request))}`),
  )
}

/**
 * Of all requests that were seen to leave this process, those that carry a key in a header went to these origins only.
 *
 * @param outgoing What `watchOutgoing` has seen.
 * @param origins `http://host:port`, as a string or a URL with whatever path.
 */
export function assertKeysOnlyTo(
  outgoing: Outgoing | readonly Outgoing['requests'][number][],
  origins: string | URL | readonly (string | URL)[],
  options?: KeyOptions,
): void {
  const allowed = new Set([origins].flat().map((origin) => new URL(origin).origin))
  const requests = requestsIn(outgoing, 'what `watchOutgoing` has given')
  for (const request of requests) {
    const [found] = keysOn(request, options)
    if (found === undefined || allowed.has(request.origin)) continue
    failed(
      `Expected keys to go to ${[...allowed].join(', ')} only, got ${found.join(': ')} on a call to ${request.origin}:\n\n${shown(request)}`,
    )
  }
}

function keyOf(request: RecordedRequest, number: number, of: number, options: KeyOptions | undefined): string {
  const carried = readable(request)
  const found = keysOn(carried, options)
  const [key, ...others] = new Set(found.values())
  const which = of === 1 ? 'the one call' : `call ${number} of ${of}`
  if (key === undefined) return failed(`Expected calls that carry a key, got none on ${which}:\n\n${shown(carried)}`)
  if (others.length === 0) return key
  const names = [...found].map((each) => each.join(': ')).join(', ')
  return failed(`Expected one key under every name, got ${names} on ${which}:\n\n${shown(carried)}`)
}

function listed(requests: Requests): readonly RecordedRequest[] {
  return requestsIn(requests, 'a recorder or a list of its requests')
}

// A recorded body is read only where it is JSON: anything else carries no field.
function readable(request: RecordedRequest): Carried {
  return {
    method: request.method,
    path: request.path,
    rawHeaders: request.rawHeaders,
    header: (name) => request.header(name),
    json: () => {
      try {
        return request.json()
      } catch {
        return undefined
      }
    },
  }
}

function failed(message: string): never {
  throw new AssertionError({ message, stackStartFn: failed })
}
