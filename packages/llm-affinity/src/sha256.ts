// SHA-256 (FIPS 180-4) and HMAC (RFC 2104), synchronous and on every runtime: WebCrypto only answers in promises,
// and node:crypto is missing in browsers and in Workers without its flag. Ids are short, so this is not a hot path.

const BLOCK = 64
const encoder = new TextEncoder()

/** The first 32 bits of the fractional parts of the first roots of the first primes: the standard's constants. */
function constants(count: number, root: number): Uint32Array {
  const words = new Uint32Array(count)
  const primes: number[] = []
  for (let n = 2; primes.length < count; n++) {
    if (primes.some((prime) => n % prime === 0)) continue
    words[primes.length] = (n ** root % 1) * 2 ** 32
    primes.push(n)
  }
  return words
}

let rounds: Uint32Array | undefined
let start: Uint32Array | undefined

function rotate(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits))
}

function digest(message: Uint8Array): Uint8Array {
  rounds ??= constants(64, 1 / 3)
  start ??= constants(8, 1 / 2)
  const padded = new Uint8Array(Math.ceil((message.length + 9) / BLOCK) * BLOCK)
  padded.set(message)
  padded[message.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 8, (message.length * 8) / 2 ** 32)
  view.setUint32(padded.length - 4, message.length * 8)

  const hash = start.slice()
  const w = new Uint32Array(64)
  for (let block = 0; block < padded.length; block += BLOCK) {
    for (let i = 0; i < 64; i++) w[i] = i < 16 ? view.getUint32(block + i * 4) : expanded(w, i)
    compress(hash, w, rounds)
  }

  const out = new DataView(new ArrayBuffer(32))
  hash.forEach((word, i) => {
    out.setUint32(i * 4, word)
  })
  return new Uint8Array(out.buffer)
}

function expanded(w: Uint32Array, i: number): number {
  const a = at(w, i - 15)
  const b = at(w, i - 2)
  return (
    (rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3)) +
    at(w, i - 7) +
    (rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10)) +
    at(w, i - 16)
  )
}

function compress(hash: Uint32Array, w: Uint32Array, k: Uint32Array): void {
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = hash
  for (let i = 0; i < 64; i++) {
    const one = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + at(k, i) + at(w, i)
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
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) hash[i] = at(hash, i) + word
}

function at(words: Uint32Array, i: number): number {
  return words[i] ?? 0
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

/** Lower-case hex. Joined, since a string that grew stays a chain of its pieces, five times the size. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** SHA-256 of the text's UTF-8. */
export function sha256(text: string): Uint8Array {
  return digest(encoder.encode(text))
}

/** HMAC-SHA-256 of the text's UTF-8 under the secret's UTF-8. */
export function hmacSha256(secret: string, text: string): Uint8Array {
  const bytes = encoder.encode(secret)
  const key = new Uint8Array(BLOCK)
  key.set(bytes.length > BLOCK ? digest(bytes) : bytes)
  const inner = digest(
    joined(
      key.map((byte) => byte ^ 0x36),
      encoder.encode(text),
    ),
  )
  return digest(
    joined(
      key.map((byte) => byte ^ 0x5c),
      inner,
    ),
  )
}
