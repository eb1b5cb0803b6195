import { setTimeout as sleep } from 'node:timers/promises'
import pLimit, { type LimitFunction } from 'p-limit'

/** The pause after a 429 that names none. In milliseconds. */
const DEFAULT_PAUSE_MS = 1000
/** A run has less than a minute: a longer `retry-after` is not waited for. */
const MAX_PAUSE_MS = 20_000

/**
 * Limits the calls in flight, and slows down when the gateway answers 429: it halves the number of calls in flight, down
 * to one, and starts no call before the time that `retry-after` names.
 */
export class Pacer {
  readonly #limit: LimitFunction
  readonly #end: AbortSignal
  #resumeAt = 0
  #rateLimited = 0

  constructor(concurrency: number, end: AbortSignal) {
    this.#limit = pLimit(concurrency)
    this.#end = end
  }

  /** The number of calls in flight that is allowed now. */
  get concurrency(): number {
    return this.#limit.concurrency
  }

  /** How many answers were a 429. */
  get rateLimited(): number {
    return this.#rateLimited
  }

  /** Runs `fn` when a call is allowed, at once where the run has ended: `fn` then sees the aborted signal. */
  run<T>(fn: () => Promise<T>): Promise<T> {
    return this.#limit(async () => {
      for (let wait = this.#resumeAt - performance.now(); wait > 0; wait = this.#resumeAt - performance.now()) {
        await sleep(wait, undefined, { signal: this.#end }).catch(() => {})
        if (this.#end.aborted) break
      }
      return fn()
    })
  }

  /** Slows down after a 429. Returns whether the call can be repeated. */
  slowDown(retryAfterMs: number = DEFAULT_PAUSE_MS): boolean {
    this.#rateLimited += 1
    if (this.#end.aborted || retryAfterMs > MAX_PAUSE_MS) return false
    const resumeAt = performance.now() + retryAfterMs
    // One answer of several in flight at the same time reduces them, not each.
    if (performance.now() >= this.#resumeAt) this.#limit.concurrency = Math.max(1, Math.floor(this.concurrency / 2))
    this.#resumeAt = Math.max(this.#resumeAt, resumeAt)
    return true
  }
}
