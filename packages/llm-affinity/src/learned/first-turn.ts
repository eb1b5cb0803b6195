// Calls that start before the first answer of their session wait for it.

import { isCallScope } from '../session/call-scope.js'
import { current } from '../session/context.js'
import type { Place } from './conversation.js'
import { unref } from './failures.js'

/** Makes other calls wait until the function that is returned is called, or for at most this long. */
export function begin(place: Place, ms: number): () => void {
  let settle = (): void => {}
  const first = new Promise<void>((resolve) => {
    const timer = setTimeout(() => settle(), ms)
    unref(timer)
    settle = () => {
      clearTimeout(timer)
      if (place.first === first) place.first = undefined
      resolve()
    }
  })
  place.first = first
  return settle
}

/** Waits for a promise, for at most this long, and not after an abort. Its timer keeps the process alive: a call follows. */
export function within(promise: Promise<void>, ms: number, signal: AbortSignal | undefined): Promise<void> {
  // A mock's may be anything.
  const abort = typeof signal?.addEventListener === 'function' ? signal : undefined
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    function done(): void {
      clearTimeout(timer)
      abort?.removeEventListener('abort', done)
      resolve()
    }
    if (abort?.aborted) done()
    abort?.addEventListener('abort', done)
    void promise.then(done, done)
  })
}

/** Whether this call is inside of another one that extensions take part in. */
export function isInCall(): boolean {
  for (let scope = current(); isCallScope(scope); scope = scope.outer) {
    if (scope.call !== undefined && scope.call.parts.length > 0) return true
  }
  return false
}
