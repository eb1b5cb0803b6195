// A handler between undici and the caller's own, which passes everything on, and puts the scope of the dispatch back around
// every answer: undici calls handlers in the scope of whoever opened the socket, and a retry or redirect interceptor above
// us, or a listener of the caller, would make its next request from there. Classes that delegate, and not a Proxy or a
// prototype: handlers have private fields, and this is on the path of every chunk.

import { type Context, capture } from '../session/context.js'

/** What happens to one dispatch or request. It must not throw. */
export interface DispatchObserver {
  /** A response has begun. `headers` are an object, or the raw names and values. */
  answered(status: unknown, headers: unknown): void
  /** There is nothing more to come. */
  ended(isFailed: boolean): void
}

interface BothHandlers {
  onRequestSent?(): unknown
  onBodySent?(chunk: unknown): unknown
  onResponseStarted?(): unknown
}

/** The handlers of undici 7 and 8. Which of the methods one must have is for undici to say. */
interface Handler extends BothHandlers {
  onRequestStart?(controller: unknown, context: unknown): unknown
  onRequestUpgrade?(controller: unknown, status: unknown, headers: unknown, socket: unknown): unknown
  onResponseStart?(controller: unknown, status: unknown, headers: unknown, text: unknown): unknown
  onResponseData?(controller: unknown, chunk: unknown): unknown
  onResponseEnd?(controller: unknown, trailers: unknown): unknown
  onResponseError?(controller: unknown, error: unknown): unknown
}

/** The older form, which undici 7 takes too. */
interface LegacyHandler extends BothHandlers {
  onConnect?(abort: unknown, context: unknown): unknown
  onUpgrade?(status: unknown, headers: unknown, socket: unknown): unknown
  onHeaders?(status: unknown, headers: unknown, resume: unknown, text: unknown): unknown
  onData?(chunk: unknown): unknown
  onComplete?(trailers: unknown): unknown
  onError?(error: unknown): unknown
}

/** A handler that does what `handler` does, in the context of here. Undefined: `handler` is of no form that we know. */
export function decorateHandler(handler: object, observer?: DispatchObserver): object | undefined {
  if (isHandler(handler)) {
    return 'onRequestUpgrade' in handler
      ? new UpgradableHandler(handler, observer)
      : new DecoratorHandler(handler, observer)
  }
  return isLegacy(handler) ? new LegacyDecoratorHandler(handler, observer) : undefined
}

/** Has undici see what a handler lacks behind its decorator: it refuses one without what a request needs. */
export function hideMissing(decorated: object, handler: object): void {
  for (const name of isHandler(handler) ? METHODS : LEGACY_METHODS) {
    if (!(name in handler)) Reflect.set(decorated, name, undefined)
  }
}

// By the same mark as undici tells them apart.
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
    this.observer?.ended(true)
    return this.call(this.to.onResponseError, controller, error)
  }
}

// Most handlers have no upgrade, and undici must see that.
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
    this.observer?.ended(true)
    return this.call(this.to.onError, error)
  }
}
