import { builtin } from '../util/builtin.js'
import { expected } from '../util/errors.js'
import { hex, hmacSha256, sha256, type Text } from './sha256.js'

// The keys that every gateway accepts unchanged. LiteLLM requires 8 characters, OpenAI's clients cut at 64, HAProxy keeps 32
// of a string, and SGLang's router strips a suffix that looks like a turn or a retry.
const SAFE = /^[A-Za-z0-9_-]{8,64}$/
const STRIPPED_SUFFIX = /_[tr]\d+$/
// Longer text is hashed in pieces: its UTF-8 or its JSON may be longer than a runtime allows.
const PIECE = 2 ** 16
const MAX_PATH = 1024
// Two hex characters each.
const BYTES = 16

/** Whether a text can be sent as a key, unchanged, to every gateway. */
export function isKey(text: string): boolean {
  return SAFE.test(text) && !STRIPPED_SUFFIX.test(text)
}

/**
 * The key of an application's id. A safe id is its own key; any other id is hashed to 32 hex characters of SHA-256, and never
 * truncated or rejected. With a namespace or a secret the key is always 32 hex characters of HMAC-SHA-256 over both. An
 * empty id has the empty key, which is never stamped.
 *
 * Ids are read as UTF-8, so every lone surrogate counts as U+FFFD.
 *
 * The whole id is hashed, since two ids with the same beginning must have different keys: about 2 ms per megabyte with
 * node:crypto and 9 ms without, measured on one core of a small server with Node 24.
 */
export function keyOf(id: string, namespace?: string, secret?: string): string {
  if (id === '') return ''
  if (namespace !== undefined || secret !== undefined) {
    return short(hmacSha256(secret ?? '', jsonOf([namespace ?? '', id])))
  }
  return isKey(id) ? id : short(sha256(id.length > PIECE ? pieces(id) : id))
}

/**
 * The key of a lane, a named child or a later epoch. Hashed and not appended, since real gateways cut or strip suffixes. It
 * needs no secret: a key that is derived from a key cannot be guessed without that key.
 */
export function derivedKey(kind: 'lane' | 'child' | 'epoch', key: string, name: string | number): string {
  return key === '' ? '' : short(sha256(jsonOf([kind, key, name])))
}

/** The id of a named child. A long path ends with the child's key instead of its name, so that it does not keep growing. */
export function childId(id: string, name: string, key: string): string {
  return id.length + name.length < MAX_PATH ? `${id}/${name}` : `${id.slice(0, MAX_PATH)}/${key}`
}

/** The key in a form that the gateway accepts unchanged: any other key is hashed, like an id that is not safe. */
export function keyIn(key: string, form: RegExp | undefined): string {
  return key === '' || form === undefined || form.test(key) ? key : short(sha256(key))
}

/**
 * 32 random hex characters.
 *
 * @throws TypeError on a runtime without `crypto.getRandomValues`.
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
    // Not between the halves of a surrogate pair.
    if ((text.codePointAt(to - 1) ?? 0) > 0xffff) to++
    yield text.slice(from, to)
  }
}

function short(hash: Uint8Array): string {
  return hex(hash.subarray(0, BYTES))
}
