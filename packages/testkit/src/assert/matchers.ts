import { AssertionError } from 'node:assert'
import { expect } from 'vitest'
import {
  assertDifferentKeys,
  assertKeysOnlyTo,
  assertNoKey,
  assertOneKey,
  assertThisKey,
  type Requests,
} from './assertions.js'
import type { KeyOptions } from './keys.js'
import type { Outgoing } from './outgoing.js'

/** The matchers that this module adds to `expect`. Each calls the assertion that its comment names. */
export interface AffinityMatchers<Result = unknown> {
  /** `assertOneKey`, for a recorder or a list of its requests; with `key`, that key is expected. */
  toCarryOneKey(key?: string, options?: KeyOptions): Result
  /** `assertNoKey`, for a recorder or a list of its requests. */
  toCarryNoKey(options?: KeyOptions): Result
  /** `assertDifferentKeys`, for a list of conversations. */
  toCarryDifferentKeys(options?: KeyOptions): Result
  /** `assertKeysOnlyTo`, for the result of `watchOutgoing`. */
  toCarryKeysOnlyTo(origins: string | URL | readonly (string | URL)[], options?: KeyOptions): Result
}

declare module 'vitest' {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> extends AffinityMatchers<R> {}
}

interface MatcherResult {
  readonly pass: boolean
  readonly message: () => string
}

function resultOf(assertion: () => unknown, negated: string): MatcherResult {
  try {
    assertion()
    return { pass: true, message: () => `Expected ${negated}` }
  } catch (error) {
    if (!(error instanceof AssertionError)) throw error
    const { message } = error
    return { pass: false, message: () => message }
  }
}

expect.extend({
  toCarryOneKey: (requests: Requests, key?: string, options?: KeyOptions) =>
    resultOf(
      () => (key === undefined ? assertOneKey(requests, options) : assertThisKey(requests, key, options)),
      'requests that do not all carry one key, got requests that do',
    ),
  toCarryNoKey: (requests: Requests, options?: KeyOptions) =>
    resultOf(() => assertNoKey(requests, options), 'a request that carries a key, got none'),
  toCarryDifferentKeys: (conversations: readonly Requests[], options?: KeyOptions) =>
    resultOf(
      () => assertDifferentKeys(conversations, options),
      'conversations that share a key, got a different key for each',
    ),
  toCarryKeysOnlyTo: (outgoing: Outgoing, origins: string | URL | readonly (string | URL)[], options?: KeyOptions) =>
    resultOf(() => assertKeysOnlyTo(outgoing, origins, options), 'a request with a key to another origin, got none'),
})
