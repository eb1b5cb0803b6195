// A handler between undici and the caller's own, which passes everything on. It lets us see two moments, and puts the
// request's scope back around every answer: undici calls handlers in the scope of whoever opened the socket, and a retry
// or redirect interceptor above us, or a listener of the caller, would make its next request from there. Classes that
// delegate, and not a Proxy or a prototype: handlers have private fields, and this is on the path of every chunk.

import { current, enter } from './scope.js'
import { runAsNobody } from './speaking.js'
import { warnOnce } from './warn.js'

/** What is told of a request on its way. */
export interface Watch {
  /** Whether it has left the origin that it was meant for. From then on its answers run where no seam stamps anything. */
  readonly left: boolean
  /** It goes to a socket: once per attempt and per redirect hop made below us. */
  started(controller: unknown, context: unknown): void
  /** A response has begun. `headers` are an object, or the raw names and values. */
  answered(status: unknown, headers: unknown): void
}

/** The handlers of undici 7 and 8. Which of the methods one must have is for undici to say. */
interface Handler {
  onRequestStart?(controller: unknown, context: unknown): unknown
  onRequestUpgrade?(controller: unknown, status: unknown, headers: unknown, socket: unknown): unknown
  onRequestSent?(): unknown
  onBodySent?(chunk: unknown): unknown
  onResponseStarted?(): unknown
  onResponseStart?(controller: unknown, status: unknown, headers: unknown, text: unknown): unknown
  onResponseData?(controller: unknown, chunk: unknown): unknown
  onResponseEnd?(controller: unknown, trailers: unknown): unknown
  onResponseError?(controller: unknown, error: unknown): unknown
}

/** The older form, which undici 7 takes too. */
interface LegacyHandler {
  onConnect?(abort: unknown, context: unknown): unknown
  onUpgrade?(status: unknown, headers: unknown, socket: unknown): unknown
  onBodySent?(chunk: unknown): unknown
  onResponseStarted?(): unknown
  onHeaders?(status: unknown, headers: unknown, resume: unknown, text: unknown): unknown
  onData?(chunk: unknown): unknown
  onComplete?(trailers: unknown): unknown
  onError?(error: unknown): unknown
}

/** A handler that does what `handler` does, in the scope that this is called in, and tells `watch`, whose faults are its own. */
export function watched(handler: object, watch?: Watch): object {
  if (isHandler(handler)) return new Watched(handler, watch, METHODS)
  return isLegacy(handler) ? new LegacyWatched(handler, watch, LEGACY_METHODS) : handler
}

// By the same mark as undici tells them apart.
function isHandler(handler: object): handler is Handler {
  return 'onRequestStart' in handler
}

function isLegacy(handler: object): handler is LegacyHandler {
  return 'onConnect' in handler
}

/** Ours in the place of the caller's handler. */
class Between<To extends object> {
  readonly to: To
  readonly #watch: Watch | undefined
  readonly #scope: unknown = current()
  constructor(to: To, watch: Watch | undefined, methods: readonly string[]) {
    this.to = to
    this.#watch = watch
    // undici refuses a handler that lacks what it needs, and must see that.
    for (const name of methods) if (!(name in to)) Reflect.set(this, name, undefined)
  }
  inScope<T>(fn: () => T): T {
    if (this.#watch?.left) return runAsNobody(fn)
    return current() === this.#scope ? fn() : enter(this.#scope, fn)
  }
  started(controller: unknown, context: unknown): void {
    try {
      this.#watch?.started(controller, context)
    } catch {
      warnOnce(UNSEEN)
    }
  }
  answered(status: unknown, headers: unknown): void {
    try {
      this.#watch?.answered(status, headers)
    } catch {
      warnOnce(UNSEEN)
    }
  }
}

const UNSEEN = 'a fault of its own kept a redirect from being seen'
const METHODS = ['onRequestUpgrade', 'onResponseStart', 'onResponseData', 'onResponseEnd', 'onResponseError']
const LEGACY_METHODS = ['onUpgrade', 'onHeaders', 'onData', 'onComplete', 'onError']

class Watched extends Between<Handler> implements Handler {
  onRequestStart(controller: unknown, context: unknown): unknown {
    this.started(controller, context)
    return this.to.onRequestStart?.(controller, context)
  }
  onRequestUpgrade(controller: unknown, status: unknown, headers: unknown, socket: unknown): unknown {
    return this.inScope(() => this.to.onRequestUpgrade?.(controller, status, headers, socket))
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
  onResponseStart(controller: unknown, status: unknown, headers: unknown, text: unknown): unknown {
    this.answered(status, headers)
    return this.inScope(() => this.to.onResponseStart?.(controller, status, headers, text))
  }
  onResponseData(controller: unknown, chunk: unknown): unknown {
    return this.inScope(() => this.to.onResponseData?.(controller, chunk))
  }
  onResponseEnd(controller: unknown, trailers: unknown): unknown {
    return this.inScope(() => this.to.onResponseEnd?.(controller, trailers))
  }
  onResponseError(controller: unknown, error: unknown): unknown {
    return this.inScope(() => this.to.onResponseError?.(controller, error))
  }
}

class LegacyWatched extends Between<LegacyHandler> implements LegacyHandler {
  onConnect(abort: unknown, context: unknown): unknown {
    this.started(undefined, context)
    return this.to.onConnect?.(abort, context)
  }
  onUpgrade(status: unknown, headers: unknown, socket: unknown): unknown {
    return this.inScope(() => this.to.onUpgrade?.(status, headers, socket))
  }
  onBodySent(chunk: unknown): unknown {
    return this.to.onBodySent?.(chunk)
  }
  onResponseStarted(): unknown {
    return this.to.onResponseStarted?.()
  }
  onHeaders(status: unknown, headers: unknown, resume: unknown, text: unknown): unknown {
    this.answered(status, headers)
    return this.inScope(() => this.to.onHeaders?.(status, headers, resume, text))
  }
  onData(chunk: unknown): unknown {
    return this.inScope(() => this.to.onData?.(chunk))
  }
  onComplete(trailers: unknown): unknown {
    return this.inScope(() => this.to.onComplete?.(trailers))
  }
  onError(error: unknown): unknown {
    return this.inScope(() => this.to.onError?.(error))
  }
}
