// Slow because of their size: the rules for ids of ordinary length are in test/unit/key.test.ts.

import fc from 'fast-check'
import { Session } from 'llm-affinity'
import { describe, expect, it } from 'vitest'

const onWire = /^[A-Za-z0-9_-]{8,64}$/

describe('a session', () => {
  it('has a valid key for each of 100,000 ids', () => {
    const id = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }),
      fc.string({ unit: 'grapheme', minLength: 1 }),
      fc.stringMatching(/^[\w-]{1,70}$/),
    )
    fc.assert(
      fc.property(id, (each) => {
        const { key } = new Session(each)
        expect(key).toMatch(onWire)
        expect(key).not.toMatch(/_[tr]\d+$/)
      }),
      { numRuns: 100_000 },
    )
  })

  it('has a valid key for an id whose JSON is longer than a string can be', () => {
    const id = '\u0001'.repeat(90_000_000)
    expect(() => JSON.stringify(id)).toThrow(RangeError)
    expect(new Session(id, { namespace: 'acme' }).key).toMatch(onWire)
  })
})
