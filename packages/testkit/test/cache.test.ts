import { PrefixCache } from 'llm-affinity-testkit'
import { expect, test, vi } from 'vitest'

const text = (...words: string[]) => words.join(' ')
const numbered = (count: number) => text(...Array.from({ length: count }, (_, index) => `w${index}`))
const cached = (cache: PrefixCache, ...words: string[]) => cache.read(text(...words)).cached

test('counts the longest cached prefix, in whole blocks', () => {
  const cache = new PrefixCache({ cacheTokens: 100, blockTokens: 2 })
  expect(cache.read('a b c d e')).toEqual({ prompt: 5, cached: 0 })
  expect(cache.read('a b c d e')).toEqual({ prompt: 5, cached: 4 })
  expect(cache.read('a b c x')).toEqual({ prompt: 4, cached: 2 })
  expect(cache.read('x b c d')).toEqual({ prompt: 4, cached: 0 })
})

test('finds a block only after the same blocks, for the same model', () => {
  const cache = new PrefixCache({ cacheTokens: 100, blockTokens: 1 })
  cache.read('a b', 'one')
  expect(cache.read('b', 'one').cached).toBe(0)
  expect(cache.read('a b', 'two').cached).toBe(0)
  expect(cache.read('a b', 'one').cached).toBe(2)
})

test('evicts the least recently used prompt first, from its end', () => {
  const cache = new PrefixCache({ cacheTokens: 4, blockTokens: 1 })
  cache.read('a b')
  cache.read('x y')
  cache.read('a b')
  cache.read('n')
  expect(cached(cache, 'x', 'y')).toBe(1)
})

test('keeps a prefix in use longer than unused continuations', () => {
  const cache = new PrefixCache({ cacheTokens: 4, blockTokens: 1 })
  cache.read('head old old2')
  cache.read('head new')
  cache.read('other')
  expect(cached(cache, 'head', 'new')).toBe(2)
  expect(cached(cache, 'head', 'old', 'old2')).toBeLessThan(3)
})

test('keeps the beginning of a prompt larger than the cache', () => {
  const cache = new PrefixCache({ cacheTokens: 3, blockTokens: 1 })
  cache.read('a b c d e')
  expect(cached(cache, 'a', 'b', 'c', 'd', 'e')).toBe(3)
  expect(cache.size).toBe(3)
})

test('evicts nothing without a limit', () => {
  const cache = new PrefixCache({ cacheTokens: Number.POSITIVE_INFINITY, blockTokens: 1 })
  for (let prompt = 0; prompt < 10_000; prompt += 1) cache.read(`p${prompt}`)
  expect(cached(cache, 'p0')).toBe(1)
  expect(cache.size).toBe(10_000)
})

test('counts one word as a whole block where told to', () => {
  const cache = new PrefixCache({ cacheTokens: 640, blockTokens: 64, tokensPerWord: 64 })
  cache.read('s1b1 s1b2')
  expect(cache.read('s1b1 s1b2 s1b3')).toEqual({ prompt: 192, cached: 128 })
})

test('finds exactly what a plain list of blocks finds', () => {
  const [limit, prompts] = [12, 2_000]
  const cache = new PrefixCache({ cacheTokens: limit, blockTokens: 1 })
  let recent: string[] = []
  let state = 7
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor((state / 2 ** 31) * below)
  }
  for (let round = 0; round < prompts; round += 1) {
    const words = Array.from({ length: 1 + random(6) }, (_, place) => `w${place}${random(2)}`)
    const heads = words.map((_, end) => words.slice(0, end + 1).join(' '))
    const known = heads.findIndex((head) => !recent.includes(head))
    const expected = known === -1 ? heads.length : known
    expect(cached(cache, ...words)).toBe(expected)
    recent = [...recent.filter((head) => !heads.includes(head)), ...heads.toReversed()].slice(-limit)
  }
})

test('finds no prefix shorter than the minimum, and stores no more than the maximum', () => {
  const cache = new PrefixCache({ cacheTokens: 1_000, blockTokens: 10, minCachedTokens: 30, maxCachedTokens: 50 })
  cache.read(numbered(80))
  expect(cache.read(numbered(80))).toEqual({ prompt: 80, cached: 50 })
  expect(cache.read(numbered(29))).toEqual({ prompt: 29, cached: 0 })
  expect(cache.read(numbered(30))).toEqual({ prompt: 30, cached: 30 })
})

test('finds a block only after it has settled', async () => {
  const cache = new PrefixCache({ cacheTokens: 1_000, blockTokens: 10, settleMs: 200 })
  cache.read(numbered(40))
  expect(cache.read(numbered(40)).cached).toBe(0)
  await vi.waitFor(() => expect(cache.read(numbered(40)).cached).toBe(40), { timeout: 30_000 })
})

test('names a wrong argument', () => {
  expect(() => new PrefixCache({ cacheTokens: 63 })).toThrow(
    'Expected `cacheTokens` to be a whole number of at least 64',
  )
  expect(() => new PrefixCache({ cacheTokens: 640, tokensPerWord: 3 })).toThrow('Expected `tokensPerWord` to divide')
  expect(() => new PrefixCache(undefined as never)).toThrow(TypeError)
})
