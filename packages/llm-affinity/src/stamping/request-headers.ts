// Request headers, in every shape that fetch and undici accept. A copy keeps the shape of the original, since the code below
// may not accept another one. The original is never changed: two calls that share a Headers object would otherwise be pinned to
// the same session. Names are expected in lower case, as in the table of gateways.

/** The headers of a fetch `init`: a Headers of any make, pairs, or an object. */
export type FetchHeaders = NonNullable<RequestInit['headers']>

/** The headers of an undici dispatch: an object, a flat list of names and values, or an iterable of pairs. */
export type DispatchHeaders = Record<string, unknown> | unknown[] | Iterable<unknown>

type Pair = [name: string, value: string]
/** What every implementation of Headers has. */
interface HeadersLike extends Iterable<Pair> {
  has(name: string): boolean
  get(name: string): string | null
  set(name: string, value: string): void
  delete(name: string): void
}

/** What to add: the key under each name, and the parent's key unless the caller has set that header. */
export interface HeaderStamp {
  readonly names: readonly string[]
  readonly key: string
  readonly parent?: readonly [name: string, key: string] | undefined
}

/** Whether fetch headers give the same values each time they are read, as far as can be told without reading them. */
export function isSteady(given: unknown): boolean {
  if (typeof given !== 'object' || given === null) return true
  if (!isIterable(given)) return !hasGetter(given) && Object.values(given).every(isText)
  if (isHeadersLike(given)) return true
  if (!Array.isArray(given) && !(given instanceof Map)) return false
  return [...given].every((pair) => Array.isArray(pair) && pair.every(isText))
}

// Converting an object to a string may run code of its owner.
function isText(value: unknown): boolean {
  return value !== Object(value)
}

/** Whether an own property of an object is a getter, which may return a different value each time. */
export function hasGetter(of: object): boolean {
  return Object.getOwnPropertyNames(of).some((name) => Object.getOwnPropertyDescriptor(of, name)?.get !== undefined)
}

/**
 * A copy of fetch headers with the stamp. Undefined if nothing may be added: the caller has set one of the names, in any letter
 * case, or the headers have a shape that fetch does not accept.
 */
export function stampHeaders(given: unknown, stamp: HeaderStamp): FetchHeaders | undefined {
  if (given === undefined) return stampObject({}, stamp)
  if (typeof given !== 'object' || given === null) return undefined
  if (!isIterable(given)) return stampObject(given, stamp)
  if (isHeadersLike(given)) return stampHeadersLike(given, stamp)
  if (given instanceof Map) return stampMap(given, stamp) as unknown as FetchHeaders
  const pairs = Array.from(given) as Pair[]
  return addTo(
    pairs.map(([name]) => name),
    stamp,
    (name, value) => pairs.push([name, value]),
  )
    ? pairs
    : undefined
}

/** The same for the headers of an undici dispatch. */
export function stampDispatchHeaders(given: unknown, stamp: HeaderStamp): DispatchHeaders | undefined {
  if (given === undefined || given === null) return stampObject({}, stamp)
  if (typeof given !== 'object') return undefined
  if (!isIterable(given)) return stampObject(given, stamp)
  if (isOneShot(given)) return undefined
  if (Array.isArray(given)) {
    // An empty list is the same as no headers, and some versions of `cache` reject lists.
    if (given.length === 0) return stampObject({}, stamp)
    const flat: unknown[] = [...given]
    const names = flat.filter((_, i) => i % 2 === 0)
    return addTo(names, stamp, (name, value) => flat.push(name, value)) ? flat : undefined
  }
  if (isHeadersLike(given)) return stampHeadersLike(given, stamp)
  if (given instanceof Map) return stampMap(given, stamp)
  // An object, the one shape that every interceptor accepts. The values of a repeated name become a list.
  const object: Record<string, unknown> = Object.create(null)
  for (const [name, value] of given as Iterable<unknown> as Iterable<[string, unknown]>) {
    object[name] = name in object ? [object[name], value].flat() : value
  }
  return stampObject(object, stamp)
}

/** The value of a request header of a dispatch. */
export function readHeader(given: unknown, name: string): unknown {
  if (typeof given !== 'object' || given === null) return undefined
  if (isHeadersLike(given)) return given.get(name)
  if (Array.isArray(given)) return given.find((_, i) => i % 2 === 1 && isIn([name], given[i - 1]))
  for (const [key, value] of given instanceof Map ? given : Object.entries(given)) if (isIn([name], key)) return value
  return undefined
}

/** Sets a header in the result of `stampDispatchHeaders`. */
export function setHeader(headers: DispatchHeaders, name: string, value: string): void {
  if (Array.isArray(headers)) {
    const at = headers.findIndex((each, i) => i % 2 === 0 && isIn([name], each))
    headers.splice(at < 0 ? headers.length : at, 2, name, value)
  } else if (isHeadersLike(headers)) {
    headers.set(name, value)
  } else {
    setMember(headers, name, value)
  }
}

function setMember(headers: object, name: string, value: string): void {
  const names = headers instanceof Map ? headers.keys() : Object.keys(headers)
  const own = [...names].find((each) => isIn([name], each)) ?? name
  if (headers instanceof Map) headers.set(own, value)
  else Reflect.set(headers, own, value)
}

/** A copy of fetch headers without these names, in any letter case, or with a new value for them. */
export function changedHeaders(given: unknown, names: readonly string[], value?: string): FetchHeaders {
  if (typeof given !== 'object' || given === null) return {}
  if (isHeadersLike(given)) {
    const copy = copied(given)
    for (const name of names) value === undefined ? copy.delete(name) : copy.set(name, value)
    return copy as Iterable<Pair> as FetchHeaders
  }
  const change = ([name, old]: Pair): Pair[] =>
    isIn(names, name) ? (value === undefined ? [] : [[name, value]]) : [[name, old]]
  if (isIterable(given)) return (Array.from(given) as Pair[]).flatMap(change)
  // undici also sends properties that are not enumerable.
  const own = Object.getOwnPropertyNames(given)
  return Object.fromEntries(own.flatMap((name) => change([name, Reflect.get(given, name)])))
}

/** The value of a response header, from an object or a raw list. Repeated headers are joined as fetch joins them. */
export function readResponseHeader(headers: unknown, name: string): string | undefined {
  const value: unknown = Array.isArray(headers)
    ? headers.filter((_, i) => i % 2 === 1 && isIn([name], asCharacters(headers[i - 1])))
    : Object(headers)[name]
  if (!Array.isArray(value)) return value === undefined ? undefined : asCharacters(value)
  return value.length === 0 ? undefined : value.map(asCharacters).join(', ')
}

function asCharacters(value: unknown): string {
  // Not spread: a header may have more bytes than a call accepts arguments.
  return value instanceof Uint8Array ? Array.from(value, (byte) => String.fromCharCode(byte)).join('') : String(value)
}

function stampObject(given: object, stamp: HeaderStamp): Record<string, string> | undefined {
  const copy: Record<string, string> = { ...given }
  // undici also sends properties that are not enumerable.
  for (const name of Object.getOwnPropertyNames(given)) {
    if (!Object.hasOwn(copy, name)) Reflect.defineProperty(copy, name, { value: Reflect.get(given, name) })
  }
  const isAdded = addTo(Object.getOwnPropertyNames(copy), stamp, (name, value) => {
    copy[name] = value
  })
  return isAdded ? copy : undefined
}

function stampHeadersLike(given: HeadersLike, { names, key, parent }: HeaderStamp): FetchHeaders | undefined {
  if (names.some((name) => given.has(name))) return undefined
  const copy = copied(given)
  for (const name of names) copy.set(name, key)
  if (parent !== undefined && !given.has(parent[0])) copy.set(parent[0], parent[1])
  return copy as Iterable<Pair> as FetchHeaders
}

function stampMap(given: Map<unknown, unknown>, stamp: HeaderStamp): Map<unknown, unknown> | undefined {
  const copy = new Map(given)
  return addTo([...copy.keys()], stamp, (name, value) => copy.set(name, value)) ? copy : undefined
}

// By its own constructor: only that keeps the letter case of names, and the code below may not accept another class.
function copied(given: HeadersLike): HeadersLike {
  const { constructor: Make } = given as { constructor: unknown }
  return typeof Make !== 'function' ? new Headers([...given]) : copyOf(Make as Makes, given)
}

type Makes = new (init?: Iterable<Pair>) => HeadersLike

// A copy made by @whatwg-node/fetch also writes to its original.
function copyOf(Make: Makes, given: HeadersLike): HeadersLike {
  const probe = new Make()
  new Make(probe).set('a', 'b')
  return new Make(probe.has('a') ? [...given] : given)
}

// Adds the stamp name by name; returns whether it was added.
function addTo(
  present: readonly unknown[],
  { names, key, parent }: HeaderStamp,
  add: (name: string, value: string) => void,
): boolean {
  if (present.some((name) => isIn(names, name))) return false
  for (const name of names) add(name, key)
  if (parent !== undefined && !present.some((name) => isIn([parent[0]], name))) add(parent[0], parent[1])
  return true
}

/** Whether a header name, as a string or as bytes, is one of these, in any letter case. */
export function isIn(names: readonly string[], name: unknown): boolean {
  const text = typeof name === 'string' ? name : String(name)
  // Called for every header, few of which have the same length.
  for (const each of names) if (each.length === text.length && each === text.toLowerCase()) return true
  return false
}

function isIterable(given: unknown): given is Iterable<unknown> & FetchHeaders {
  return (
    typeof given === 'object' &&
    given !== null &&
    Symbol.iterator in given &&
    typeof given[Symbol.iterator] === 'function'
  )
}

function isHeadersLike(given: object): given is HeadersLike {
  return 'has' in given && 'set' in given && 'append' in given && 'delete' in given
}

function isOneShot(given: Iterable<unknown>): boolean {
  const iterator: unknown = given[Symbol.iterator]()
  return iterator === given
}
