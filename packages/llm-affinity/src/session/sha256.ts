import { builtin } from '../util/builtin.js'

// SHA-256 (FIPS 180-4) and HMAC (RFC 2104), synchronous and on every runtime: WebCrypto only answers in promises, and
// node:crypto is missing in browsers and in Workers without its flag. For a short text it is no faster than this.

const BLOCK = 64

/** A text, or a long one in pieces, none of which ends between the halves of a surrogate pair. */
export type Text = string | Iterable<string>

interface Hash {
  update(bytes: Uint8Array): unknown
  digest(): Uint8Array
}

interface Crypto {
  createHash(algorithm: string): Hash
}

/** The first 32 bits of the fractional parts of the first roots of the first primes: the standard's constants. */
function constants(count: number, root: number): Int32Array {
  const words = new Int32Array(count)
  const primes: number[] = []
  for (let n = 2; primes.length < count; n++) {
    if (primes.some((prime) => n % prime === 0)) continue
    words[primes.length] = (n ** root % 1) * 2 ** 32
    primes.push(n)
  }
  return words
}

let rounds: Int32Array | undefined
let start: Int32Array | undefined

function rotate(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits))
}

function own(): Hash {
  rounds ??= constants(64, 1 / 3)
  start ??= constants(8, 1 / 2)
  const k = rounds
  const hash = start.slice()
  const words = new Int32Array(64)
  const block = new Uint8Array(BLOCK)
  const view = new DataView(block.buffer)
  let length = 0

  function update(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; ) {
      const filled = length % BLOCK
      const part = bytes.subarray(i, i + BLOCK - filled)
      block.set(part, filled)
      i += part.length
      length += part.length
      if (length % BLOCK === 0) compress(hash, view, words, k)
    }
  }

  function digest(): Uint8Array {
    const end = new DataView(new ArrayBuffer(BLOCK + 8 - ((length + 8) % BLOCK)))
    end.setUint8(0, 0x80)
    end.setUint32(end.byteLength - 8, (length * 8) / 2 ** 32)
    end.setUint32(end.byteLength - 4, length * 8)
    update(new Uint8Array(end.buffer))
    hash.forEach((word, i) => {
      view.setInt32(i * 4, word)
    })
    return block.subarray(0, 32)
  }

  return { update, digest }
}

function compress(hash: Int32Array, block: DataView, w: Int32Array, k: Int32Array): void {
  for (let i = 0; i < 16; i++) w[i] = block.getInt32(i * 4)
  for (let i = 16; i < 64; i++) {
    const a = at(w, i - 15)
    const b = at(w, i - 2)
    w[i] =
      (rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3)) +
      at(w, i - 7) +
      (rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10)) +
      at(w, i - 16)
  }
  let a = at(hash, 0)
  let b = at(hash, 1)
  let c = at(hash, 2)
  let d = at(hash, 3)
  let e = at(hash, 4)
  let f = at(hash, 5)
  let g = at(hash, 6)
  let h = at(hash, 7)
  for (let i = 0; i < 64; i++) {
    const one = (h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + at(k, i) + at(w, i)) | 0
    const two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
    h = g
    g = f
    f = e
    e = (d + one) | 0
    d = c
    c = b
    b = a
    a = (one + two) | 0
  }
  hash[0] = at(hash, 0) + a
  hash[1] = at(hash, 1) + b
  hash[2] = at(hash, 2) + c
  hash[3] = at(hash, 3) + d
  hash[4] = at(hash, 4) + e
  hash[5] = at(hash, 5) + f
  hash[6] = at(hash, 6) + g
  hash[7] = at(hash, 7) + h
}

function at(words: Int32Array, i: number): number {
  return words[i] ?? 0
}

/** Lower-case hex. Joined, since a string that grew stays a chain of its pieces, five times the size. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

// The runtime's own, several times as fast, where it has one that works: some have stubs that throw.
function native(): Hash | undefined {
  try {
    const create = builtin<Crypto>('node:crypto')?.createHash
    const isSame = create !== undefined && hex(create('sha256').digest()) === hex(own().digest())
    return isSame ? create('sha256') : undefined
  } catch {
    return undefined
  }
}

function utf8(text: string): Uint8Array {
  // jsdom lacks the global, and runs on a Node that has it.
  const Encoder = globalThis.TextEncoder ?? builtin<typeof globalThis>('node:util')?.TextEncoder
  return new Encoder().encode(text)
}

function hashOf(text: Text, before = new Uint8Array()): Uint8Array {
  const isWhole = typeof text === 'string'
  const hash = (isWhole ? undefined : native()) ?? own()
  hash.update(before)
  for (const piece of isWhole ? [text] : text) hash.update(utf8(piece))
  return hash.digest()
}

/** SHA-256 of the text's UTF-8. */
export function sha256(text: Text): Uint8Array {
  return hashOf(text)
}

/** HMAC-SHA-256 of the text's UTF-8 under the secret's UTF-8. */
export function hmacSha256(secret: string, text: Text): Uint8Array {
  const bytes = utf8(secret)
  const key = new Uint8Array(BLOCK)
  key.set(bytes.length > BLOCK ? hashOf(secret) : bytes)
  const outer = own()
  outer.update(key.map((byte) => byte ^ 0x5c))
  outer.update(
    hashOf(
      text,
      key.map((byte) => byte ^ 0x36),
    ),
  )
  return outer.digest()
}
