// The last check of a request that carries a key, where undici creates it: below all interceptors, retries, caches and
// redirects, where its origin is final. If headers were copied to a request for an origin that the user did not name, the key
// is removed before any byte is written. Node's own fetch is undici too.

import { CallScope, type GuardedCall, isCallScope } from '../session/call-scope.js'
import { current, enter } from '../session/context.js'
import { builtin } from '../util/builtin.js'
import { originOf, parseUrl } from '../util/url.js'
import { warnOnce } from '../util/warn.js'
import { type DispatchObserver, decorateHandler } from './decorate-handler.js'
import { isIn } from './request-headers.js'

/** A request as undici 6, 7 and 8 publish it on `undici:request:create`: the members that are used here. */
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

// Calls in flight whose requests may be created outside of their scope, by key, with the scope around each: a pool of undici
// up to 8.11 creates queued requests in the scope of the request that made room for them.
const tracked = new Map<string, Map<GuardedCall, unknown>>()

let isOn = false

/** Enables the guard, once per process. Returns false on runtimes without diagnostics channels, where nothing is checked. */
export function enableGuard(): boolean {
  const subscribe = isOn ? undefined : builtin<DiagnosticsChannel>('node:diagnostics_channel')?.subscribe
  subscribe?.('undici:request:create', onCreate)
  isOn ||= subscribe !== undefined
  return isOn
}

/** Makes the guard recognise requests of a call that are created outside of its scope, until the call is over. */
export function trackCall(call: GuardedCall, outer: unknown): void {
  if (call.isOver || call.isTracked) return
  call.isTracked = true
  const same = tracked.get(call.key)
  if (same === undefined) tracked.set(call.key, new Map([[call, outer]]))
  else same.set(call, outer)
}

/** Marks a call as over. */
export function releaseCall(call: GuardedCall): void {
  call.isOver = true
  for (const part of call.parts) part.ended()
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
    // A call may have been stamped by several integrations. Another copy of this package guards what it has stamped itself.
    for (; isCallScope(scope); scope = scope.outer) {
      if (!(scope instanceof CallScope) || scope.call === undefined) continue
      const { call } = scope
      // What extensions add must be removed also where the key is gone, or never was.
      if (call.parts.length === 0 && !carriesAny(headers, call)) continue
      // A socket keeps the scope of the call that opened it, and a later call with the same key may have waited for it.
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

// A request to an http proxy has the whole URL as its path.
function targetOf({ origin, path }: CreatedRequest): unknown {
  return typeof path === 'string' && /^https?:/.test(path) ? parseUrl(path)?.origin : origin
}

function check(request: CreatedRequest, origin: string | undefined, scope: CallScope, call: GuardedCall): void {
  call.isCreated = true
  let crossed = origin === undefined || !call.allows(origin)
  const isBound = bindHandler(request, scope, {
    answered: (status) => {
      // This answer may belong to an earlier request of the call.
      call.crossed = crossed
      // A retry, a redirect or a failover may follow, and may wait in a queue.
      if (!isGood(status)) trackCall(call, scope.outer)
    },
    ended: (isFailed) => {
      if (isFailed) trackCall(call, scope.outer)
    },
  })
  crossed ||= !isBound
  call.crossed = crossed
  if (origin !== call.origin) for (const part of call.parts) part.removeFrom(request.headers)
  if (crossed) removeKey(request.headers, call)
  // Its request was created, so it is not looked for any more.
  else stopTracking(call)
}

const symbols = new WeakMap<object, symbol | undefined>()

/**
 * Runs the callbacks of a request in a scope, so that a retry or a failover that is dispatched from one of them belongs to the
 * same call.
 *
 * @returns Whether the handler was found: it is behind a private symbol of undici.
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

// The call of a request that was created in the scope of another call.
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

// In the scope of the call one of the names is enough: another interceptor may have dropped or changed the others.
function carriesAny(headers: readonly unknown[], call: GuardedCall): boolean {
  return headers.some((each, i) => i % 2 === 0 && isOurs(each, headers[i + 1], call))
}

// Outside of it all of the names are needed: a header that a caller has set may have the same value.
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

// Another interceptor may have made a list of it, or joined another value to it.
function isKey(value: unknown, key: string): boolean {
  if (value === key) return true
  const text = Array.isArray(value) ? value.join() : value
  return typeof text === 'string' && text.includes(key) && text.split(',').some((each) => each.trim() === key)
}
