// What assertions are handed. Matchers take anything, whatever the types say: a mistake there is the test's, and no
// verdict on the calls, so that `.not` does not turn it into a pass.

/** What was recorded of requests: a list that was picked, or all that something has seen. */
export type Given<Request> = readonly Request[] | { readonly requests: readonly Request[] }

/** @throws TypeError that says what it got instead. */
export function requestsIn<Request extends object>(given: Given<Request>, expected: string): readonly Request[] {
  const value: unknown = given
  if (typeof value !== 'object' || value === null || !(Array.isArray(value) || 'requests' in value)) {
    throw new TypeError(`Expected ${expected}, got ${nameOf(value)}`)
  }
  const list = 'requests' in given ? given.requests : given
  const odd = list.find((each: unknown) => typeof each !== 'object' || each === null || !('header' in each))
  if (odd === undefined) return list
  throw new TypeError(`Expected ${expected}, got a list with ${nameOf(odd)} in it`)
}

export function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'a list'
  const type = typeof value
  return `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`
}
