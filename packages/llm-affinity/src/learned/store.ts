import { hex, sha256 } from '../session/sha256.js'
import { warnOnce } from '../util/warn.js'
import type { Conversation } from './conversation.js'

/** A shared store, such as a Keyv. A Map has the same methods. */
export interface StateStore {
  /** Returns the value or a promise of it; undefined for an unknown key. */
  get(key: string): unknown
  /**
   * Stores a text, now or by a promise.
   *
   * @param ttlMs Milliseconds after which the value may be dropped.
   */
  set(key: string, value: string, ttlMs: number): unknown
  /** Removes a value, now or by a promise. */
  delete(key: string): unknown
}

// After a failure, calls do not wait for the store for this long.
const PAUSE_MS = 5000
const MAX_TEXT = 2 ** 16
const FAILED =
  'the store of a LearnedState failed or was slow. Calls go on without it, and conversations may move when processes change'

/** Reads and writes conversations. It never throws, never rejects, and never takes longer than `waitMs`. */
export class Sharing {
  readonly #store: StateStore
  readonly #waitMs: number
  readonly #ttlMs: number
  /** Conversations being written, and whether they have changed since. */
  readonly #writing = new Map<Conversation, boolean>()
  #pausedUntil = Number.NEGATIVE_INFINITY

  constructor(store: StateStore, waitMs: number, ttlMs: number) {
    this.#store = store
    this.#waitMs = waitMs
    this.#ttlMs = ttlMs
  }

  /** Takes over what other processes have written about a conversation. */
  async read(name: string, of: Conversation): Promise<void> {
    if (performance.now() < this.#pausedUntil) return
    try {
      const text = await this.#within(this.#store.get(keyOf(name)))
      if (typeof text !== 'string' || text.length > MAX_TEXT) return
      if (of.merge(JSON.parse(text))) this.write(name, of)
    } catch {
      this.#fail()
    }
  }

  /** Writes a conversation, later if it is being written now. */
  write(name: string, of: Conversation): void {
    if (this.#writing.has(of)) this.#writing.set(of, true)
    else void this.#write(name, of)
  }

  /** Deletes a conversation. */
  async delete(name: string): Promise<void> {
    try {
      await this.#within(this.#store.delete(keyOf(name)))
    } catch {
      this.#fail()
    }
  }

  async #write(name: string, of: Conversation): Promise<void> {
    this.#writing.set(of, false)
    try {
      await this.#within(this.#store.set(keyOf(name), JSON.stringify(of), this.#ttlMs))
    } catch {
      this.#fail()
    }
    const isChanged = this.#writing.get(of) === true
    this.#writing.delete(of)
    if (isChanged) await this.#write(name, of)
  }

  async #within(work: unknown): Promise<unknown> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('late')), this.#waitMs)
    })
    try {
      return await Promise.race([work, late])
    } finally {
      clearTimeout(timer)
    }
  }

  #fail(): void {
    this.#pausedUntil = performance.now() + PAUSE_MS
    warnOnce(FAILED)
  }
}

// A hash: names contain ids and keys, and the store's keys are seen by many.
function keyOf(name: string): string {
  return `llm-affinity:${hex(sha256(name))}`
}
