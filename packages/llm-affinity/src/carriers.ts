// Where request headers live in the stacks that we enter, and how to add some without changing what the caller gave.
// Names come in lower case, as the table writes them.

/** The headers of a fetch `init`: a Headers of any realm, pairs, or an object. */
export type FetchHeaders = NonNullable<RequestInit['headers']>

/** The headers of an undici dispatch: an object, or a flat list of names and values. */
export type DispatchHeaders = Record<string, unknown> | unknown[]

/**
 * A copy of fetch headers with `value` under each of `names`, or undefined where nothing may be added: the caller has
 * set one of them, in any letter case, or they cannot be read twice. The original is never written to: a Headers that
 * two calls share would pin both to one session.
 *
 * @param also One more, which does not keep the others from being added where the caller has set it.
 */
export function stampHeaders(
  given: unknown,
  names: readonly string[],
  value: string,
  also?: readonly [name: string, value: string],
): FetchHeaders | undefined {
  if (also !== undefined) {
    const headers = stampHeaders(given, names, value)
    return headers && (stampHeaders(headers, [also[0]], also[1]) ?? headers)
  }
  if (given === undefined) return set({}, names, value)
  if (typeof given !== 'object' || given === null) return undefined
  if (!isIterable(given)) return hasName(Object.keys(given), names) ? undefined : set({ ...given }, names, value)
  if (isOneShot(given)) return undefined
  const headers = new Headers(given)
  if (names.some((name) => headers.has(name))) return undefined
  for (const name of names) headers.set(name, value)
  return headers
}

/** As `stampHeaders`, over what undici takes: nothing, an object, a flat list, an iterable of pairs. */
export function stampDispatchHeaders(
  given: unknown,
  names: readonly string[],
  value: unknown,
  also?: readonly [name: string, value: unknown],
): DispatchHeaders | undefined {
  if (also !== undefined) {
    const headers = stampDispatchHeaders(given, names, value)
    return headers && (stampDispatchHeaders(headers, [also[0]], also[1]) ?? headers)
  }
  if (given === null || given === undefined) return set({}, names, value)
  if (typeof given !== 'object') return undefined
  if (!isIterable(given)) return hasName(Object.keys(given), names) ? undefined : set({ ...given }, names, value)
  if (isOneShot(given)) return undefined
  // A flat list stays as it is; pairs are laid flat. A value may itself be a list, and stays one.
  const flat: unknown[] = Array.isArray(given) && !Array.isArray(given[0]) ? [...given] : [...given].flat()
  if (
    hasName(
      flat.filter((_, i) => i % 2 === 0),
      names,
    )
  )
    return undefined
  for (const name of names) flat.push(name, value)
  return flat
}

/** Puts another value where `stampDispatchHeaders` has put one. Only for headers that it returned. */
export function restampDispatchHeaders(headers: DispatchHeaders, names: readonly string[], value: unknown): void {
  if (!Array.isArray(headers)) {
    set(headers, names, value)
    return
  }
  // By name: an interceptor below may have put its own behind ours.
  for (let i = 0; i < headers.length; i += 2) if (hasName([headers[i]], names)) headers[i + 1] = value
}

/** Whether headers of a dispatch, an object or a flat list, have this name. */
export function hasDispatchHeader(headers: unknown, name: string): boolean {
  if (typeof headers !== 'object' || headers === null) return false
  return Array.isArray(headers) ? headers.some((each, i) => i % 2 === 0 && hasName([each], [name])) : name in headers
}

/** The value of a response header, an object's or a raw list's; several are read as fetch reads them. */
export function readDispatchHeader(headers: unknown, name: string): string | undefined {
  const value: unknown = Array.isArray(headers)
    ? headers.filter((_, i) => i % 2 === 1 && hasName([headers[i - 1]], [name]))
    : Object(headers)[name]
  if (!Array.isArray(value)) return value === undefined ? undefined : asCharacters(value)
  return value.length === 0 ? undefined : value.map(asCharacters).join(', ')
}

function asCharacters(value: unknown): string {
  return value instanceof Uint8Array ? String.fromCharCode(...value) : String(value)
}

function set<Value>(headers: Record<string, Value>, names: readonly string[], value: Value): Record<string, Value> {
  for (const name of names) headers[name] = value
  return headers
}

// A name in a flat list may be a Buffer.
function hasName(present: readonly unknown[], names: readonly string[]): boolean {
  return present.some((each) => {
    const name = String(each)
    return names.some(({ length }) => length === name.length) && names.includes(name.toLowerCase())
  })
}

function isIterable(given: object): given is Iterable<[string, string]> & FetchHeaders {
  return Symbol.iterator in given && typeof given[Symbol.iterator] === 'function'
}

// A generator: reading it here would leave nothing to send.
function isOneShot(given: Iterable<unknown>): boolean {
  const iterator: unknown = given[Symbol.iterator]()
  return iterator === given
}
