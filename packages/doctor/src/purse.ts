import { MAX_TOKENS } from './speakers.js'

/** Words that tell what a word costs. */
const ENOUGH = 20
/** No vocabulary has so many words in a token, or so many tokens in a word. */
const LEAST = 4
const MOST = 50

/**
 * What a run may spend, in tokens of prompts and answers. A call is paid for before it is made, by a guess, and settled
 * when it says its figure; its answer counts with all that it may have.
 */
export class Purse {
  readonly budget: number
  #spent = 0
  #reserved = 0
  #calls = 0
  #isShort = false
  // Of a text in these words; a first guess above what any vocabulary needs.
  #tokensPerWord = 2
  #isMeasured = false

  constructor(budget: number) {
    this.budget = budget
  }

  get spent(): number {
    return Math.round(this.#spent)
  }

  /** Whether something was not sent because it would have cost too much. */
  get isShort(): boolean {
    return this.#isShort
  }

  get calls(): number {
    return this.#calls
  }

  /** How many words can be had for so many tokens. */
  wordsFor(tokens: number): number {
    return Math.floor(tokens / this.#tokensPerWord)
  }

  tokensFor(words: number): number {
    return Math.ceil(words * this.#tokensPerWord)
  }

  /** Undefined where the budget does not reach: then nothing may be sent. Otherwise to be called with what its prompt cost. */
  pay(words: number): ((tokens: number | undefined) => void) | undefined {
    const guess = this.tokensFor(words) + MAX_TOKENS
    if (this.#spent + this.#reserved + guess > this.budget) {
      this.#isShort = true
      return undefined
    }
    this.#reserved += guess
    this.#calls += 1
    return (said) => {
      // Some gateways say 0 of every stream.
      const tokens = said !== undefined && said >= words / LEAST && said <= words * MOST ? said : undefined
      this.#reserved -= guess
      this.#spent += tokens === undefined ? guess : tokens + MAX_TOKENS
      if (tokens === undefined || words < ENOUGH) return
      // The dearest that was seen, so that a guess stays above.
      this.#tokensPerWord = this.#isMeasured ? Math.max(this.#tokensPerWord, tokens / words) : tokens / words
      this.#isMeasured = true
    }
  }
}
