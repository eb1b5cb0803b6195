import { AssertionError } from 'node:assert'
import type { Recorder } from '../servers/recorder.js'
import type { RecordedRequest } from '../servers/requests.js'
import { findKeys, type KeyOptions } from './keys.js'
import type { Outgoing } from './outgoing.js'
import { requestsOf, typeName } from './request-list.js'
import { formatRequest, type RequestView } from './request-view.js'

/** The requests to check: a selection, or all that a recorder holds. */
export type Requests = readonly RecordedRequest[] | Recorder

/**
 * Asserts that every request carries a key, the same one on all of them and under every name.
 *
 * @returns The key.
 * @throws AssertionError that shows the first request that differs. Fails for an empty list.
 *
 * @example
 * assertOneKey(server.requests.filter((request) => request.text().includes('invoice 42')))
 */
export function assertOneKey(requests: Requests, options?: KeyOptions): string {
  const list = listOf(requests)
  const [first] = list
  if (first === undefined) return fail('Expected requests that carry one key, got no requests')
  const key = keyOf(first, 1, list.length, options)
  return assertAllCarry(list, key, `the key of the first, ${key}`, options)
}

/** Asserts that every request carries this key, under every name. Fails as `assertOneKey` does. */
export function assertThisKey(requests: Requests, key: string, options?: KeyOptions): string {
  const list = listOf(requests)
  if (list.length === 0) return fail(`Expected requests that carry the key ${key}, got no requests`)
  return assertAllCarry(list, key, `the key ${key}`, options)
}

function assertAllCarry(list: readonly RecordedRequest[], key: string, expected: string, options?: KeyOptions): string {
  for (const [index, request] of list.entries()) {
    const other = keyOf(request, index + 1, list.length, options)
    if (other === key) continue
    fail(
      `Expected all requests to carry ${expected}, got ${other} on request ${index + 1}:\n\n${formatRequest(viewOf(request))}`,
    )
  }
  return key
}

/** Asserts that no request carries a key. Passes for an empty list. */
export function assertNoKey(requests: Requests, options?: KeyOptions): void {
  for (const [index, request] of listOf(requests).entries()) {
    const view = viewOf(request)
    const [found] = findKeys(view, options)
    if (found !== undefined) {
      fail(
        `Expected requests without a key, got ${found.join(': ')} on request ${index + 1}:\n\n${formatRequest(view)}`,
      )
    }
  }
}

/**
 * Asserts that every conversation carries one key, and that no two conversations carry the same one.
 *
 * @returns The keys, in order.
 */
export function assertDifferentKeys(conversations: readonly Requests[], options?: KeyOptions): string[] {
  if (!Array.isArray(conversations)) {
    throw new TypeError(`Expected a list of conversations, got ${typeName(conversations)}`)
  }
  const keys = conversations.map((requests) => assertOneKey(requests, options))
  const repeated = keys.findIndex((key, index) => keys.indexOf(key) < index)
  if (repeated < 0) return keys
  const [request] = listOf(conversations[repeated] ?? [])
  return fail(
    `Expected a different key for each conversation, got ${keys[repeated]} for conversations ${keys.indexOf(keys[repeated] ?? '') + 1} and ${repeated + 1}:` +
      (request === undefined ? '' : `\n\n${formatRequest(viewOf(request))}`),
  )
}

/**
 * Asserts that a conversation gives back what the gateway handed out: the first request has nothing under this name, and every
 * later one the same value.
 *
 * @param name A request header, or a cookie as `cookie:NAME`.
 * @returns The value.
 * @throws AssertionError that shows the first request that differs. Fails for fewer than two requests.
 *
 * @example
 * assertGivenBack(backend.requests, 'x-session-token')
 */
export function assertGivenBack(requests: Requests, name: string): string {
  if (typeof name !== 'string' || name === '') throw new TypeError(`Expected a name, got ${typeName(name)}`)
  const list = listOf(requests)
  if (list.length < 2) fail(`Expected at least two requests that give back ${name}, got ${list.length}`)
  const values = list.map((request) => valueUnder(request, name))
  const value = values[1]
  const index = values.findIndex((each, at) => (at === 0 ? each !== undefined : each === undefined || each !== value))
  if (index < 0) return value ?? ''
  const request = list[index]
  return fail(
    `Expected ${index === 0 ? 'nothing' : 'the value of the second request'} in ${name}, got ${values[index] === undefined ? 'nothing' : 'another one'} on request ${index + 1}:` +
      (request === undefined ? '' : `\n\n${formatRequest(viewOf(request))}`),
  )
}

function valueUnder(request: RecordedRequest, name: string): string | undefined {
  if (!name.startsWith('cookie:')) return request.header(name)
  const pairs = request.header('cookie')?.split(/; */) ?? []
  const start = `${name.slice('cookie:'.length)}=`
  return pairs.find((pair) => pair.startsWith(start))?.slice(start.length)
}

/**
 * Asserts that every outgoing request with a key in a header went to one of these origins.
 *
 * @param outgoing The result of `watchOutgoing`, or a selection of its requests.
 * @param origins `http://host:port`, as a string or a URL; a path is ignored.
 */
export function assertKeysOnlyTo(
  outgoing: Outgoing | readonly Outgoing['requests'][number][],
  origins: string | URL | readonly (string | URL)[],
  options?: KeyOptions,
): void {
  const allowed = new Set([origins].flat().map((origin) => new URL(origin).origin))
  for (const request of requestsOf(outgoing, 'the result of `watchOutgoing`')) {
    const [found] = findKeys(request, options)
    if (found === undefined || allowed.has(request.origin)) continue
    fail(
      `Expected keys to go only to ${[...allowed].join(', ')}, got ${found.join(': ')} on a request to ${request.origin}:\n\n${formatRequest(request)}`,
    )
  }
}

function keyOf(request: RecordedRequest, number: number, count: number, options: KeyOptions | undefined): string {
  const view = viewOf(request)
  const found = findKeys(view, options)
  const [key, ...others] = new Set(found.values())
  const which = count === 1 ? 'the only request' : `request ${number} of ${count}`
  if (key === undefined)
    return fail(`Expected requests that carry a key, got none on ${which}:\n\n${formatRequest(view)}`)
  if (others.length === 0) return key
  const names = [...found].map((each) => each.join(': ')).join(', ')
  return fail(`Expected the same key under every name, got ${names} on ${which}:\n\n${formatRequest(view)}`)
}

function listOf(requests: Requests): readonly RecordedRequest[] {
  return requestsOf(requests, 'a recorder or a list of its requests')
}

// A body that is not JSON has no field that could carry a key.
function viewOf(request: RecordedRequest): RequestView {
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

function fail(message: string): never {
  throw new AssertionError({ message, stackStartFn: fail })
}
