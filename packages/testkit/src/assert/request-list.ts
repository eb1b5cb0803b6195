// The matchers accept any value, whatever the types allow. A wrong value is an error in the test and says nothing about
// the requests, so it throws a TypeError, which `.not` does not turn into a pass.

/** A list of requests, or something that has one: a recorder, or the result of `watchOutgoing`. */
export type RequestSource<Request> = readonly Request[] | { readonly requests: readonly Request[] }

/** The requests of a source. Throws a TypeError that names what was expected and what it got. */
export function requestsOf<Request extends object>(
  source: RequestSource<Request>,
  expected: string,
): readonly Request[] {
  const value: unknown = source
  if (typeof value !== 'object' || value === null || !(Array.isArray(value) || 'requests' in value)) {
    throw new TypeError(`Expected ${expected}, got ${typeName(value)}`)
  }
  const list = 'requests' in source ? source.requests : source
  const invalid = list.find((each: unknown) => typeof each !== 'object' || each === null || !('header' in each))
  if (invalid === undefined) return list
  throw new TypeError(`Expected ${expected}, got a list that contains ${typeName(invalid)}`)
}

export function typeName(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'a list'
  const type = typeof value
  return `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`
}
