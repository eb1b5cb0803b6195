import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { words } from '../protocol/prompt.js'
import * as check from '../util/check.js'

/** Options of `PrefixCache`. */
export interface PrefixCacheOptions {
  /** How many tokens it holds, in whole blocks; Infinity for no limit. */
  readonly cacheTokens: number
  /** Tokens in a block, the unit of caching. @default 64 */
  readonly blockTokens?: number
  /** How many tokens one word of a prompt counts for; divides `blockTokens`. @default 1 */
  readonly tokensPerWord?: number
  /** Cached prefixes shorter than this are not found, as with providers that cache from 1,024 tokens on. @default 0 */
  readonly minCachedTokens?: number
  /** Only this many tokens at the beginning of a prompt are stored. @default Infinity */
  readonly maxCachedTokens?: number
  /** A block is found this many milliseconds after it was stored. @default 0 */
  readonly settleMs?: number
}

/** The result of looking one prompt up, in tokens. */
export interface Lookup {
  /** The length of the prompt. */
  readonly prompt: number
  /** The length of its cached prefix, in whole blocks: an incomplete last block never counts. */
  readonly cached: number
}

/**
 * The prefix cache of an inference engine. Prompts are split into blocks, each identified by the hash of its own words
 * and of everything before it; the least recently used block is evicted first. Words are separated by white space.
 *
 * As in vLLM, a block is only found if all blocks before it are. So within one prompt the last block counts as the least
 * recently used: eviction takes the end of a prompt first, and never a prefix that cached blocks continue. Of a prompt
 * larger than the cache, the beginning stays.
 */
export class PrefixCache {
  /** By hash: when the block was stored, in milliseconds of `performance.now()`. */
  readonly #blocks: LRUCache<string, number>
  readonly #blockTokens: number
  readonly #tokensPerWord: number
  readonly #minCachedTokens: number
  readonly #maxBlocks: number
  readonly #settleMs: number

  /** Throws a TypeError for bad options. */
  constructor(options: PrefixCacheOptions) {
    check.options(options)
    const { cacheTokens, blockTokens = 64, tokensPerWord = 1 } = options
    const { minCachedTokens = 0, maxCachedTokens = Number.POSITIVE_INFINITY, settleMs = 0 } = options
    this.#blockTokens = check.whole('blockTokens', blockTokens, 1)
    this.#tokensPerWord = check.whole('tokensPerWord', tokensPerWord, 1)
    if (blockTokens % tokensPerWord !== 0) check.wrong('`tokensPerWord` to divide `blockTokens`', tokensPerWord)
    this.#minCachedTokens = check.whole('minCachedTokens', minCachedTokens)
    const isBounded = maxCachedTokens !== Number.POSITIVE_INFINITY
    this.#maxBlocks = Math.floor(
      (isBounded ? check.whole('maxCachedTokens', maxCachedTokens) : maxCachedTokens) / blockTokens,
    )
    this.#settleMs = check.milliseconds('settleMs', settleMs)
    const unlimited = cacheTokens === Number.POSITIVE_INFINITY
    if (!unlimited) check.whole('cacheTokens', cacheTokens, blockTokens)
    this.#blocks = unlimited
      ? new LRUCache({ maxSize: Number.MAX_SAFE_INTEGER, sizeCalculation: () => 1 })
      : new LRUCache({ max: Math.floor(cacheTokens / blockTokens) })
  }

  /** The number of tokens that it holds. */
  get size(): number {
    return this.#blocks.size * this.#blockTokens
  }

  /** Looks a prompt up, then stores it. Prompts of different `model`s share nothing. */
  read(prompt: string, model: string = ''): Lookup {
    const read = words(prompt)
    const keys = this.#keys(read, model).slice(0, this.#maxBlocks)
    const now = performance.now()
    let known = 0
    while ((this.#blocks.peek(keys[known] ?? '') ?? Number.POSITIVE_INFINITY) + this.#settleMs <= now) known += 1
    for (const key of keys.reverse()) this.#blocks.set(key, this.#blocks.peek(key) ?? now)
    const cached = known * this.#blockTokens
    return { prompt: read.length * this.#tokensPerWord, cached: cached < this.#minCachedTokens ? 0 : cached }
  }

  /** The length of a prompt that is neither looked up nor stored. */
  measure(prompt: string): Lookup {
    return { prompt: words(prompt).length * this.#tokensPerWord, cached: 0 }
  }

  #keys(read: readonly string[], model: string): string[] {
    const wordsPerBlock = this.#blockTokens / this.#tokensPerWord
    const keys: string[] = []
    let key = model
    for (let from = 0; from + wordsPerBlock <= read.length; from += wordsPerBlock) {
      const text = wordsPerBlock === 1 ? read[from] : read.slice(from, from + wordsPerBlock).join(' ')
      // Words and hashes contain no space, so different chains of blocks cannot produce the same text.
      key = hash('sha1', `${key} ${text}`, 'base64')
      keys.push(key)
    }
    return keys
  }
}
