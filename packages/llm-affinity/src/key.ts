import { hex, hmacSha256, sha256 } from './sha256.js'

// What every gateway takes as it is. LiteLLM wants 8 characters or more, clients of OpenAI cut at 64, HAProxy keeps 32 of
// a string, SGLang's router strips a suffix that looks like a turn or a retry.
const SAFE = /^[A-Za-z0-9_-]{8,64}$/
const STRIPPED_SUFFIX = /_[tr]\d+$/
const HEX_CHARACTERS = 32

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
 */
export function keyOf(id: string, namespace?: string, secret?: string): string {
  if (id === '') return ''
  if (namespace !== undefined || secret !== undefined) {
    return short(hmacSha256(secret ?? '', JSON.stringify([namespace ?? '', id])))
  }
  return isKey(id) ? id : short(sha256(id))
}

/**
 * A key made from another: a lane's, a named child's, a later epoch's. Hashed, never appended, since real gateways cut
 * or strip suffixes. It needs no secret: who cannot guess a key cannot guess one derived from it.
 */
export function derivedKey(kind: 'lane' | 'child' | 'epoch', key: string, name: string | number): string {
  return key === '' ? '' : short(sha256(JSON.stringify([kind, key, name])))
}

/** A key in the form that a gateway keeps whole: any other is hashed, like an id that is not safe. */
export function keyIn(key: string, form: RegExp | undefined): string {
  return key === '' || form === undefined || form.test(key) ? key : short(sha256(key))
}

/** 32 random hex characters. */
export function randomKey(): string {
  return hex(crypto.getRandomValues(new Uint8Array(HEX_CHARACTERS / 2)))
}

function short(hash: Uint8Array): string {
  return hex(hash.subarray(0, HEX_CHARACTERS / 2))
}
