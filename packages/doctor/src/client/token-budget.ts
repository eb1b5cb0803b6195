import { MAX_TOKENS } from './api-adapters.js'

/** Prompts of so many words show what a word costs. */
const ENOUGH = 20
/** No vocabulary has so many words in a token, or so many tokens in a word. */
const LEAST = 4
const MOST = 50

/**
 * What a run may spend, in tokens of prompts and answers. A call is reserved before it is made, by an estimate, and settled
 * with the number that its answer reports. The answer itself counts with the most that it may have.
 */
export class TokenBudget {
  readonly limit: number
  #spent = 0
  #reserved = 0
  #calls = 0
  #isExhausted = false
  // For texts in these words. The first estimate is above what any vocabulary needs.
  #tokensPerWord = 2
  #measuredWords = 0

  constructor(budget: number) {
    this.limit = budget
  }

  get spent(): number {
    return Math.round(this.#spent)
  }

  /** Whether a call was not made because it would have exceeded the budget. */
  get isExhausted(): boolean {
    return this.#isExhausted
  }

  get calls(): number {
    return this.#calls
  }

  /** How many words fit into so many tokens. */
  wordsFor(tokens: number): number {
    return Math.floor(tokens / this.#tokensPerWord)
  }

  tokensFor(words: number): number {
    return Math.ceil(words * this.#tokensPerWord)
  }

  /**
   * Reserves a call with a prompt of so many words. Undefined where it exceeds the budget: then the call must not be made.
   * Otherwise a function to call with the number of prompt tokens that the answer reports.
   */
  reserve(words: number): ((tokens: number | undefined) => void) | undefined {
    const guess = this.tokensFor(words) + MAX_TOKENS
    if (this.#spent + this.#reserved + guess > this.limit) {
      this.#isExhausted = true
      return undefined
    }
    this.#reserved += guess
    this.#calls += 1
    return (reported) => {
      // Some gateways report 0 for every stream.
      const isPlausible = reported !== undefined && reported >= words / LEAST && reported <= words * MOST
      const tokens = isPlausible ? reported : undefined
      this.#reserved -= guess
      this.#spent += tokens === undefined ? guess : tokens + MAX_TOKENS
      if (tokens === undefined || words < ENOUGH) return
      // A template adds tokens, which weigh more in a short prompt: a much longer prompt measures better. Among prompts of
      // similar length the highest ratio counts, so that an estimate stays above.
      const isMuchLonger = words >= 4 * this.#measuredWords
      this.#tokensPerWord = isMuchLonger ? tokens / words : Math.max(this.#tokensPerWord, tokens / words)
      this.#measuredWords = Math.max(this.#measuredWords, words)
    }
  }
}
