// Callback handlers of LangChain, which it calls from one queue of its own, in the scope of whoever started that queue.

import { current, enter } from '../../session/context.js'

/** Handlers, or a manager of handlers, that run in the scope of this moment. */
export function inCurrentScope(callbacks: unknown): unknown {
  const scope = current()
  const bind = (handler: unknown): unknown => handlerIn(scope, handler)
  if (Array.isArray(callbacks)) return callbacks.map(bind)
  const copy: unknown = isObject(callbacks) && 'copy' in callbacks ? callMethod(callbacks, 'copy') : undefined
  if (!isObject(copy)) return callbacks
  for (const name of ['handlers', 'inheritableHandlers']) {
    const handlers: unknown = Reflect.get(copy, name)
    if (Array.isArray(handlers)) Reflect.set(copy, name, handlers.map(bind))
  }
  return copy
}

const bound = new WeakSet<object>()

function handlerIn(scope: unknown, handler: unknown): unknown {
  // A handler that is awaited runs in its call, and not from the queue. One that is bound already has its scope.
  if (!isObject(handler) || Reflect.get(handler, 'awaitHandlers') === true || bound.has(handler)) return handler
  const proxy: object = new Proxy(handler, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function' || !String(name).startsWith('handle')) return value
      return function (this: unknown, ...args: unknown[]): unknown {
        return enter(scope, () => Reflect.apply(value, this === proxy ? target : this, args))
      }
    },
  })
  bound.add(proxy)
  return proxy
}

/** The options of a call, with its handlers in the scope of this moment. */
export function withCallbacks(options: unknown): unknown {
  const isGiven = isObject(options) && !Array.isArray(options) && Reflect.get(options, 'callbacks') !== undefined
  return isGiven ? { ...options, callbacks: inCurrentScope(Reflect.get(options, 'callbacks')) } : options
}

export function callMethod(object: object, name: string, ...args: unknown[]): unknown {
  const method: unknown = Reflect.get(object, name)
  return typeof method === 'function' ? Reflect.apply(method, object, args) : undefined
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
