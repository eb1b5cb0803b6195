// Matchers for vitest: `import 'llm-affinity-testkit/vitest'` in a test or a set-up file.

import { AssertionError } from 'node:assert'
import { expect } from 'vitest'
import {
  assertDifferentKeys,
  assertKeysOnlyTo,
  assertNoKey,
  assertOneKey,
  assertThisKey,
  type Requests,
} from './assert/assertions.js'
import type { KeyOptions } from './assert/keys.js'
import type { Outgoing } from './assert/outgoing.js'

/** The matchers that this module adds to `expect`. Each is the assertion of the same name, which has the contract. */
export interface AffinityMatchers<Result = unknown> {
  /** Of requests or a recorder: `assertOneKey`. With a key: all carry that one. */
  toCarryOneKey(key?: string, options?: KeyOptions): Result
  /** Of requests or a recorder: `assertNoKey`. */
  toCarryNoKey(options?: KeyOptions): Result
  /** Of a list of conversations: `assertDifferentKeys`. */
  toCarryDifferentKeys(options?: KeyOptions): Result
  /** Of what `watchOutgoing` has seen: `assertKeysOnlyTo`. */
  toCarryKeysOnlyTo(origins: string | URL | readonly (string | URL)[], options?: KeyOptions): Result
}

declare module 'vitest' {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> extends AffinityMatchers<R> {}
}

interface Verdict {
  readonly pass: boolean
  readonly message: () => string
}

function verdict(assertion: () => unknown, opposite: string): Verdict {
  try {
    assertion()
    return { pass: true, message: () => `Expected ${opposite}, but they do` }
  } catch (error) {
    if (!(error instanceof AssertionError)) throw error
    const { message } = error
    return { pass: false, message: () => message }
  }
}

expect.extend({
  toCarryOneKey: (requests: Requests, key?: string, options?: KeyOptions) =>
    verdict(
      () => (key === undefined ? assertOneKey(requests, options) : assertThisKey(requests, key, options)),
      'calls not to carry one key',
    ),
  toCarryNoKey: (requests: Requests, options?: KeyOptions) =>
    verdict(() => assertNoKey(requests, options), 'calls to carry a key'),
  toCarryDifferentKeys: (conversations: readonly Requests[], options?: KeyOptions) =>
    verdict(() => assertDifferentKeys(conversations, options), 'conversations not to carry keys that differ'),
  toCarryKeysOnlyTo: (outgoing: Outgoing, origins: string | URL | readonly (string | URL)[], options?: KeyOptions) =>
    verdict(() => assertKeysOnlyTo(outgoing, origins, options), 'keys to go elsewhere'),
})
