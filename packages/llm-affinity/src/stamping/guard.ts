// The last check of a request that carries a key: where undici creates it, below all interceptors, retries, caches and
// redirects. Its origin is the true one there. A key that a copy of the headers has carried to an origin that the user did
// not name is taken off before a byte is written. Node's own fetch is undici, too.

import { CallScope, type GuardedCall, isCallScope } from '../session/call-scope.js'
import { current, enter } from '../session/context.js'
import { builtin } from '../util/builtin.js'
import { originOf, parseUrl } from '../util/url.js'
import { warnOnce } from '../util/warn.js'
import { type DispatchObserver, decorateHandler } from './decorate-handler.js'
import { isIn } from './request-headers.js'

/** A request as undici 6, 7 and 8 publish it on `undici:request:create`, as far as we use it. */
export interface CreatedRequest {
  readonly origin?: unknown
  readonly path?: unknown
  /** The Host header, which is not in `headers`. */
  readonly host?: unknown
  /** Names and values in turn. A value may be a list. */
  readonly headers: unknown[]
}

interface DiagnosticsChannel {
  subscribe(name: string, subscriber: (message: unknown) => void): void
}

// Calls whose requests may be created outside of their scope, by key: a pool of undici up to 8.11 creates what waited in
// its queue in the scope of whichever request made room. Only calls in flight are here.
// For each, the scope around it.
const tracked = new Map<string, Map<GuardedCall, unknown>>()

let isOn = false

/** Puts the guard on, once a process. False on runtimes without diagnostics channels: there nobody may rely on it. */
export function enableGuard(): boolean {
  const subscribe = isOn ? undefined : builtin<DiagnosticsChannel>('node:diagnostics_channel')?.subscribe
  subscribe?.('undici:request:create', onCreate)
  isOn ||= subscribe !== undefined
  return isOn
}

/** Has requests of a call recognised that are created outside of its scope, until it is over. */
export function trackCall(call: GuardedCall, outer: unknown): void {
  if (call.isOver || call.isTracked) return
  call.isTracked = true
  const same = tracked.get(call.key)
  if (same === undefined) tracked.set(call.key, new Map([[call, outer]]))
  else same.set(call, outer)
}

/** A call is over. */
export function releaseCall(call: GuardedCall): void {
  call.isOver = true
  stopTracking(call)
}

function stopTracking(call: GuardedCall): void {
  if (!call.isTracked) return
  call.isTracked = false
  const same = tracked.get(call.key)
  same?.delete(call)
  if (same?.size === 0) tracked.delete(call.key)
}

function onCreate(message: unknown): void {
  let scope = current()
  if (!isCallScope(scope) && tracked.size === 0) return
  try {
    const { request } = message as { request: CreatedRequest }
    const { headers } = request
    if (!Array.isArray(headers)) return
    const origin = originOf(targetOf(request), request.host)
    const around = scope instanceof CallScope ? scope : undefined
    let isKnown = false
    // A call may have been stamped by more than one integration. What another copy of the package has stamped, that guards.
    for (; isCallScope(scope); scope = scope.outer) {
      if (!(scope instanceof CallScope) || scope.call === undefined || !carriesAny(headers, scope.call)) continue
      const { call } = scope
      // A socket has the scope of the call that opened it, and what waited for it may be a later call with the same key.
      if (call.isOver && tracked.has(call.key)) continue
      isKnown = true
      check(request, origin, scope, call)
    }
    if (isKnown) return
    const lost = findStrayCall(headers, origin)
    if (lost?.call !== undefined) check(request, origin, lost, lost.call)
    else if (around !== undefined && around.call === undefined) bindHandler(request, around)
  } catch {
    warnOnce('a fault of its own kept a request from being checked')
  }
}

// To a proxy of plain http a request carries the whole URL as its path.
function targetOf({ origin, path }: CreatedRequest): unknown {
  return typeof path === 'string' && /^https?:/.test(path) ? parseUrl(path)?.origin : origin
}

function check(request: CreatedRequest, origin: string | undefined, scope: CallScope, call: GuardedCall): void {
  call.isCreated = true
  let crossed = origin === undefined || !call.allows(origin)
  const isBound = bindHandler(request, scope, {
    answered: (status) => {
      // The answer that comes now may not be that of the request that was created last.
      call.crossed = crossed
      // A retry, a hop or a failover may follow, and have to wait in a queue.
      if (!isGood(status)) trackCall(call, scope.outer)
    },
    ended: (isFailed) => {
      if (isFailed) trackCall(call, scope.outer)
    },
  })
  crossed ||= !isBound
  call.crossed = crossed
  if (crossed) removeKey(request.headers, call)
  // What it was expected for has come.
  else stopTracking(call)
}

const symbols = new WeakMap<object, symbol | undefined>()

/**
 * Runs the callbacks of a request in a scope, whoever opened its socket: what dispatches again from one of them, such as a
 * retry or a failover, does so on behalf of the same call.
 *
 * @returns Whether it could be done: the handler is behind a symbol of undici's own.
 */
export function bindHandler(request: CreatedRequest, scope: unknown, observer?: DispatchObserver): boolean {
  const type: object = Object.getPrototypeOf(request)
  let symbol = symbols.get(type)
  if (symbol === undefined) {
    symbol = Object.getOwnPropertySymbols(request).find(({ description }) => description === 'handler')
    symbols.set(type, symbol)
  }
  const handler: unknown = symbol && Reflect.get(request, symbol)
  const decorate = (): object | undefined => decorateHandler(Object(handler), observer)
  const bound = current() === scope ? decorate() : enter(scope, decorate)
  return bound !== undefined && symbol !== undefined && Reflect.set(request, symbol, bound)
}

function isGood(status: unknown): boolean {
  return typeof status === 'number' && status >= 200 && status < 300
}

// The scope of the call of a request that was created in another one's.
function findStrayCall(headers: readonly unknown[], origin: string | undefined): CallScope | undefined {
  if (tracked.size === 0) return undefined
  let found: CallScope | undefined
  for (let i = 1; i < headers.length; i += 2) {
    for (const [call, outer] of tracked.get(String(headers[i])) ?? []) {
      if (!carries(headers, call)) continue
      found = new CallScope(outer, call, call)
      if (origin !== undefined && call.allows(origin)) return found
    }
  }
  return found
}

// One of the names is enough in the scope of the call: a neighbour may have dropped or changed the other.
function carriesAny(headers: readonly unknown[], call: GuardedCall): boolean {
  return headers.some((each, i) => i % 2 === 0 && isOurs(each, headers[i + 1], call))
}

// All of the names outside of it: a header that a caller has set itself may have the same value.
function carries(headers: readonly unknown[], { names, key }: GuardedCall): boolean {
  return names.every((name) =>
    headers.some((each, i) => i % 2 === 0 && isIn([name], each) && isKey(headers[i + 1], key)),
  )
}

function removeKey(headers: unknown[], call: GuardedCall): void {
  for (let i = headers.length - 2; i >= 0; i -= 2) if (isOurs(headers[i], headers[i + 1], call)) headers.splice(i, 2)
}

function isOurs(name: unknown, value: unknown, { names, key, parent }: GuardedCall): boolean {
  if (isKey(value, key)) return isIn(names, name)
  return parent !== undefined && isKey(value, parent[1]) && isIn([parent[0]], name)
}

// A neighbour may have made a list of it, or joined another value to it.
function isKey(value: unknown, key: string): boolean {
  if (value === key) return true
  const text = Array.isArray(value) ? value.join() : value
  return typeof text === 'string' && text.includes(key) && text.split(',').some((each) => each.trim() === key)
}
