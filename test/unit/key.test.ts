import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { Session } from 'llm-affinity'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { derivedKey, isKey, keyOf } from '../../packages/llm-affinity/src/session/key.ts'
import { hex, hmacSha256, sha256 } from '../../packages/llm-affinity/src/session/sha256.ts'

const anyText = fc.string({ unit: 'binary', maxLength: 300 })
const onWire = /^[A-Za-z0-9_-]{8,64}$/

describe('sha256', () => {
  it('equals the SHA-256 of node:crypto for any text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(hex(sha256(text))).toBe(createHash('sha256').update(text, 'utf8').digest('hex'))
      }),
      { numRuns: 2000 },
    )
  })

  it('is correct at every length around its block size', () => {
    for (let length = 0; length <= 260; length++) {
      const text = 'x'.repeat(length)
      expect(hex(sha256(text))).toBe(createHash('sha256').update(text).digest('hex'))
    }
  })

  it('equals the HMAC of node:crypto for any secret and text', () => {
    fc.assert(
      fc.property(anyText, anyText, (secret, text) => {
        expect(hex(hmacSha256(secret, text))).toBe(createHmac('sha256', secret).update(text, 'utf8').digest('hex'))
      }),
    )
  })
})

describe('a key', () => {
  it('is a valid key for any id', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, fc.string({ unit: 'grapheme' }), fc.stringMatching(/^[\w-]{1,70}$/)), (id) => {
        const { key } = new Session(id)
        if (id === '') expect(key).toBe('')
        else expect(key).toMatch(onWire)
        expect(key).not.toMatch(/_[tr]\d+$/)
      }),
      { numRuns: 10_000 },
    )
  })

  it('is the id if that is a valid key', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_-]{8,64}$/), (id) => {
        fc.pre(!/_[tr]\d+$/.test(id))
        expect(keyOf(id)).toBe(id)
      }),
    )
  })

  it.each([
    ['too short', 'seven77'],
    ['too long', 'x'.repeat(65)],
    ['with a space', 'conversation 42'],
    ['not ASCII', 'Gespräch-42'],
    ['with a line break', 'conversation\r\nx-evil: 1'],
    ['that looks like a turn', 'conversation_t1'],
    ['that looks like a retry', 'conversation_r12'],
    ['with a dot', 'conversation.42'],
  ])('is the first 32 hex characters of the SHA-256 of an id %s', (_why, id) => {
    expect(keyOf(id)).toBe(createHash('sha256').update(id).digest('hex').slice(0, 32))
  })

  it('differs for different ids', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (one, other) => {
        expect(keyOf(one) === keyOf(other)).toBe(one === other)
      }),
      { numRuns: 2000 },
    )
  })

  it('of two tenants never collides, and is never the id', () => {
    fc.assert(
      fc.property(anyText, anyText, anyText, (id, one, other) => {
        fc.pre(id !== '' && one.isWellFormed() && other.isWellFormed())
        expect(keyOf(id, one) === keyOf(id, other)).toBe(one === other)
        expect(keyOf(id, one)).not.toBe(id)
      }),
      { numRuns: 1000 },
    )
  })

  it('keeps the namespace and the id separate', () => {
    expect(keyOf('bc', 'a')).not.toBe(keyOf('c', 'ab'))
    expect(keyOf('b', 'a\0')).not.toBe(keyOf('\0b', 'a'))
  })

  it('with a secret is an HMAC that other programs can compute', () => {
    const text = JSON.stringify(['acme', 'conversation-42'])
    const expected = createHmac('sha256', 's3cret').update(text).digest('hex').slice(0, 32)
    expect(new Session('conversation-42', { namespace: 'acme', secret: 's3cret' }).key).toBe(expected)
    expect(keyOf('conversation-42', 'acme', 'other')).not.toBe(expected)
  })

  describe.each([
    ['with node:crypto', () => {}],
    ['without node:crypto', () => vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined)],
    [
      'with a node:crypto that throws',
      () => {
        const createHash = (): never => {
          throw new Error('not implemented')
        }
        vi.spyOn(process, 'getBuiltinModule').mockReturnValue({ createHash })
      },
    ],
    [
      'with a node:crypto that returns wrong hashes',
      () => {
        vi.spyOn(process, 'getBuiltinModule').mockReturnValue({ createHash: () => createHash('sha1') })
      },
    ],
  ])('of a long text is computed by the same rule as of a short one, on a runtime %s', (_runtime, prepare) => {
    beforeEach(prepare)
    afterEach(() => vi.restoreAllMocks())

    // Chunks end after 65,536 UTF-16 units: between and inside surrogate pairs, lone surrogates, and JSON escapes.
    const long = fc
      .tuple(
        fc.integer({ min: 65_530, max: 65_537 }),
        fc.array(fc.constantFrom('🦉', '\ud83d', '\udd89', '"', 'é', '\u0001'), { minLength: 8, maxLength: 16 }),
      )
      .map(([length, units]) => 'x'.repeat(length) + units.join('') + 'y'.repeat(65_525) + units.join(''))
    const sha = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)

    it('an id, a namespace and the names of lanes and children', () => {
      fc.assert(
        fc.property(long, (text) => {
          expect(keyOf(text)).toBe(sha(text))
          const hmac = createHmac('sha256', 's3cret').update(JSON.stringify(['acme', text]))
          expect(keyOf(text, 'acme', 's3cret')).toBe(hmac.digest('hex').slice(0, 32))
          const turned = createHmac('sha256', '').update(JSON.stringify([text, 'acme']))
          expect(keyOf('acme', text)).toBe(turned.digest('hex').slice(0, 32))
          for (const kind of ['lane', 'child'] as const) {
            expect(derivedKey(kind, 'conversation-42', text)).toBe(sha(JSON.stringify([kind, 'conversation-42', text])))
          }
        }),
        { numRuns: 30 },
      )
    })
  })

  it('depends on the whole of a long id', () => {
    const ids = [0, 65_535, 65_536, 500_000, 999_999].map((at) => `${'x'.repeat(at)}y${'x'.repeat(999_999 - at)}`)
    expect(new Set(ids.map((id) => keyOf(id))).size).toBe(ids.length)
    expect(new Set(ids.map((id) => keyOf(id, 'acme'))).size).toBe(ids.length)
    expect(new Set(ids.map((id) => new Session('conversation-42').lane(id).key)).size).toBe(ids.length)
  })

  it('of a lane, a named child and an epoch differ from it and from each other in the first 32 characters', () => {
    fc.assert(
      fc.property(anyText, fc.string(), fc.integer({ min: 1, max: 1000 }), (id, name, epoch) => {
        fc.pre(id !== '')
        const key = keyOf(id)
        const keys = [
          key,
          derivedKey('lane', key, name),
          derivedKey('child', key, name),
          derivedKey('epoch', key, epoch),
        ]
        expect(new Set(keys.map((each) => each.slice(0, 32))).size).toBe(4)
        for (const each of keys) expect(isKey(each)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})
