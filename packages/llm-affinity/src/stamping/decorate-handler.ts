// A handler between undici and the caller's handler. It forwards every callback, and restores the scope of the dispatch:
// undici calls handlers in the scope in which the socket was opened, and a retry or redirect interceptor above this one, or a
// listener of the caller, would make its next request in that scope. Delegating classes, not a Proxy or a prototype: handlers
// have private fields, and every chunk passes here.

import { type Context, capture } from '../session/context.js'

/** Receives the events of one dispatch or request. It must not throw. */
export interface DispatchObserver {
  /** A response has begun. `headers` are an object, or the raw names and values. */
  answered(status: unknown, headers: unknown): void
  /** The answer is complete, or has failed. */
  ended(isFailed: boolean, error?: unknown): void
}

interface BothHandlers {
  onRequestSent?(): unknown
  onBodySent?(chunk: unknown): unknown
  onResponseStarted?(): unknown
}

/** The handlers of undici 7 and 8. undici checks which of the methods a handler must have. */
interface Handler extends BothHandlers {
  onRequestStart?(controller: unknown, context: unknown): unknown
  onRequestUpgrade?(controller: unknown, status: unknown, headers: unknown, socket: unknown): unknown
  onResponseStart?(controller: unknown, status: unknown, headers: unknown, text: unknown): unknown
  onResponseData?(controller: unknown, chunk: unknown): unknown
  onResponseEnd?(controller: unknown, trailers: unknown): unknown
  onResponseError?(controller: unknown, error: unknown): unknown
}

/** The older form, which undici 7 accepts too. */
interface LegacyHandler extends BothHandlers {
  onConnect?(abort: unknown, context: unknown): unknown
  onUpgrade?(status: unknown, headers: unknown, socket: unknown): unknown
  onHeaders?(status: unknown, headers: unknown, resume: unknown, text: unknown): unknown
  onData?(chunk: unknown): unknown
  onComplete?(trailers: unknown): unknown
  onError?(error: unknown): unknown
}

/** A handler that calls `handler` in the current context. Undefined if `handler` has neither of the two forms. */
export function decorateHandler(handler: object, observer?: DispatchObserver): object | undefined {
  if (isHandler(handler)) {
    return 'onRequestUpgrade' in handler
      ? new UpgradableHandler(handler, observer)
      : new DecoratorHandler(handler, observer)
  }
  return isLegacy(handler) ? new LegacyDecoratorHandler(handler, observer) : undefined
}

/** Hides methods that the decorated handler does not have: undici rejects a handler without the methods that a request needs. */
export function hideMissing(decorated: object, handler: object): void {
  for (const name of isHandler(handler) ? METHODS : LEGACY_METHODS) {
    if (!(name in handler)) Reflect.set(decorated, name, undefined)
  }
}

// undici distinguishes them by the same property.
function isHandler(handler: object): handler is Handler {
  return 'onRequestStart' in handler
}

function isLegacy(handler: object): handler is LegacyHandler {
  return 'onConnect' in handler
}

type Callback = (...args: never[]) => unknown

class Decorator<To extends BothHandlers> {
  readonly to: To
  readonly observer: DispatchObserver | undefined
  readonly #context: Context = capture()
  constructor(to: To, observer: DispatchObserver | undefined) {
    this.to = to
    this.observer = observer
  }
  call(callback: Callback | undefined, ...args: unknown[]): unknown {
    return callback && this.#context.runInAsyncScope(callback, this.to, ...args)
  }
  onRequestSent(): unknown {
    return this.to.onRequestSent?.()
  }
  onBodySent(chunk: unknown): unknown {
    return this.to.onBodySent?.(chunk)
  }
  onResponseStarted(): unknown {
    return this.to.onResponseStarted?.()
  }
}

const METHODS = ['onResponseStart', 'onResponseData', 'onResponseEnd', 'onResponseError']
const LEGACY_METHODS = ['onUpgrade', 'onHeaders', 'onData', 'onComplete', 'onError']

class DecoratorHandler extends Decorator<Handler> implements Handler {
  onRequestStart(controller: unknown, context: unknown): unknown {
    return this.to.onRequestStart?.(controller, context)
  }
  onResponseStart(controller: unknown, status: unknown, headers: unknown, text: unknown): unknown {
    this.observer?.answered(status, headers)
    return this.call(this.to.onResponseStart, controller, status, headers, text)
  }
  onResponseData(controller: unknown, chunk: unknown): unknown {
    return this.call(this.to.onResponseData, controller, chunk)
  }
  onResponseEnd(controller: unknown, trailers: unknown): unknown {
    this.observer?.ended(false)
    return this.call(this.to.onResponseEnd, controller, trailers)
  }
  onResponseError(controller: unknown, error: unknown): unknown {
    this.observer?.ended(true, error)
    return this.call(this.to.onResponseError, controller, error)
  }
}

// Most handlers cannot upgrade, and undici checks for that.
class UpgradableHandler extends DecoratorHandler {
  onRequestUpgrade(controller: unknown, status: unknown, headers: unknown, socket: unknown): unknown {
    this.observer?.ended(false)
    return this.call(this.to.onRequestUpgrade, controller, status, headers, socket)
  }
}

class LegacyDecoratorHandler extends Decorator<LegacyHandler> implements LegacyHandler {
  onConnect(abort: unknown, context: unknown): unknown {
    return this.to.onConnect?.(abort, context)
  }
  onUpgrade(status: unknown, headers: unknown, socket: unknown): unknown {
    this.observer?.ended(false)
    return this.call(this.to.onUpgrade, status, headers, socket)
  }
  onHeaders(status: unknown, headers: unknown, resume: unknown, text: unknown): unknown {
    this.observer?.answered(status, headers)
    return this.call(this.to.onHeaders, status, headers, resume, text)
  }
  onData(chunk: unknown): unknown {
    return this.call(this.to.onData, chunk)
  }
  onComplete(trailers: unknown): unknown {
    this.observer?.ended(false)
    return this.call(this.to.onComplete, trailers)
  }
  onError(error: unknown): unknown {
    this.observer?.ended(true, error)
    return this.call(this.to.onError, error)
  }
}
