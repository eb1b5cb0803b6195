import { builtin } from '../util/builtin.js'
import { expected } from '../util/errors.js'
import { hex, hmacSha256, sha256, type Text } from './sha256.js'

// What every gateway takes as it is. LiteLLM wants 8 characters or more, clients of OpenAI cut at 64, HAProxy keeps 32 of
// a string, SGLang's router strips a suffix that looks like a turn or a retry.
const SAFE = /^[A-Za-z0-9_-]{8,64}$/
const STRIPPED_SUFFIX = /_[tr]\d+$/
// What is longer is hashed in pieces: its UTF-8, or its JSON, may be more than a runtime can hold at once.
const PIECE = 2 ** 16
const MAX_PATH = 1024
// Two hex characters each.
const BYTES = 16

/** Whether a text can go on the wire as a key, unchanged, to every gateway. */
export function isKey(text: string): boolean {
  return SAFE.test(text) && !STRIPPED_SUFFIX.test(text)
}

/**
 * The key of an application's id. A safe id passes as it is, any other becomes 32 hex characters of its SHA-256; it is
 * never cut and never refused. With a namespace or a secret it is 32 hex characters of HMAC-SHA-256 over both, always.
 * An empty id has the empty key, which is never stamped.
 *
 * Ids are read as UTF-8, so lone surrogates all count as U+FFFD.
 *
 * An id is hashed whole, however long, since two that begin alike must not meet: some 2 ms a megabyte where there is a
 * node:crypto, 9 ms where there is not, measured on one core of a small server under Node 24.
 */
export function keyOf(id: string, namespace?: string, secret?: string): string {
  if (id === '') return ''
  if (namespace !== undefined || secret !== undefined) {
    return short(hmacSha256(secret ?? '', jsonOf([namespace ?? '', id])))
  }
  return isKey(id) ? id : short(sha256(id.length > PIECE ? pieces(id) : id))
}

/**
 * A key made from another: a lane's, a named child's, a later epoch's. Hashed, never appended, since real gateways cut
 * or strip suffixes. It needs no secret: who cannot guess a key cannot guess one derived from it.
 */
export function derivedKey(kind: 'lane' | 'child' | 'epoch', key: string, name: string | number): string {
  return key === '' ? '' : short(sha256(jsonOf([kind, key, name])))
}

/** The id of a named child. A long path ends in its key instead of its name: it would grow with each generation. */
export function childId(id: string, name: string, key: string): string {
  return id.length + name.length < MAX_PATH ? `${id}/${name}` : `${id.slice(0, MAX_PATH)}/${key}`
}

/** A key in the form that a gateway keeps whole: any other is hashed, like an id that is not safe. */
export function keyIn(key: string, form: RegExp | undefined): string {
  return key === '' || form === undefined || form.test(key) ? key : short(sha256(key))
}

/**
 * 32 random hex characters.
 *
 * @throws TypeError on a runtime that makes no random values.
 */
export function randomKey(): string {
  const source = globalThis.crypto ?? builtin<typeof crypto>('node:crypto')
  if (!source?.getRandomValues) throw expected('a runtime with crypto', 'one without', 'Give an id')
  return hex(source.getRandomValues(new Uint8Array(BYTES)))
}

// The text of JSON.stringify(values).
function jsonOf(values: readonly (string | number)[]): Text {
  return values.some((value) => String(value).length > PIECE) ? jsonPieces(values.map(String)) : JSON.stringify(values)
}

function* jsonPieces(values: readonly string[]): Generator<string> {
  let before = '["'
  for (const value of values) {
    yield before
    for (const piece of pieces(value)) yield JSON.stringify(piece).slice(1, -1)
    before = '","'
  }
  yield '"]'
}

function* pieces(text: string): Generator<string> {
  for (let from = 0, to = PIECE; from < text.length; from = to, to += PIECE) {
    // Never between the halves of a surrogate pair.
    if ((text.codePointAt(to - 1) ?? 0) > 0xffff) to++
    yield text.slice(from, to)
  }
}

function short(hash: Uint8Array): string {
  return hex(hash.subarray(0, BYTES))
}
