import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import * as check from './check.js'
import { words } from './protocol/prompt.js'

export interface PrefixCacheOptions {
  /** How many tokens it holds, in whole blocks; Infinity: all it ever sees. */
  readonly cacheTokens: number
  /** Tokens of a block, the unit of caching. @default 64 */
  readonly blockTokens?: number
  /** How many tokens one word of a prompt stands for; divides `blockTokens`. @default 1 */
  readonly tokensPerWord?: number
}

/** What a cache knew of one prompt, in tokens. */
export interface Lookup {
  readonly prompt: number
  /** Of the prompt's head. Whole blocks only, so the last, incomplete block never counts. */
  readonly cached: number
}

/**
 * The prefix cache of an inference engine: prompts in blocks, each known by the hash of its own words and of
 * everything before it, the least recently used forgotten first. A word is what stands between white space.
 *
 * As in vLLM, a block can only be found through all the blocks before it. So within one prompt the last block counts
 * as used first and the head as used last: what is forgotten is always the end of a prompt, never a head from under
 * its continuations. Of a prompt that is larger than the cache, the head stays.
 */
export class PrefixCache {
  readonly #blocks: LRUCache<string, true>
  readonly #blockTokens: number
  readonly #tokensPerWord: number

  /** Throws a TypeError for bad options. */
  constructor(options: PrefixCacheOptions) {
    check.options(options)
    const { cacheTokens, blockTokens = 64, tokensPerWord = 1 } = options
    this.#blockTokens = check.whole('blockTokens', blockTokens, 1)
    this.#tokensPerWord = check.whole('tokensPerWord', tokensPerWord, 1)
    if (blockTokens % tokensPerWord !== 0) check.wrong('`tokensPerWord` to divide `blockTokens`', tokensPerWord)
    const unlimited = cacheTokens === Number.POSITIVE_INFINITY
    if (!unlimited) check.whole('cacheTokens', cacheTokens, blockTokens)
    this.#blocks = unlimited
      ? new LRUCache({ maxSize: Number.MAX_SAFE_INTEGER, sizeCalculation: () => 1 })
      : new LRUCache({ max: Math.floor(cacheTokens / blockTokens) })
  }

  /** Tokens held now. */
  get size(): number {
    return this.#blocks.size * this.#blockTokens
  }

  /** Looks a prompt up, then takes it in. Prompts of different `model`s share nothing. */
  read(prompt: string, model: string = ''): Lookup {
    const read = words(prompt)
    const keys = this.#keys(read, model)
    let known = 0
    while (known < keys.length && this.#blocks.has(keys[known] ?? '')) known += 1
    for (const key of keys.reverse()) this.#blocks.set(key, true)
    return { prompt: read.length * this.#tokensPerWord, cached: known * this.#blockTokens }
  }

  /** The length of a prompt, for what is neither looked up nor kept. */
  measure(prompt: string): Lookup {
    return { prompt: words(prompt).length * this.#tokensPerWord, cached: 0 }
  }

  #keys(read: readonly string[], model: string): string[] {
    const wordsPerBlock = this.#blockTokens / this.#tokensPerWord
    const keys: string[] = []
    let key = model
    for (let from = 0; from + wordsPerBlock <= read.length; from += wordsPerBlock) {
      const text = wordsPerBlock === 1 ? read[from] : read.slice(from, from + wordsPerBlock).join(' ')
      // The old key has no blank in it but for a model's name, and words have none at all: no two chains meet.
      key = hash('sha1', `${key} ${text}`, 'base64')
      keys.push(key)
    }
    return keys
  }
}
