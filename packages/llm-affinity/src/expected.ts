/** A set-up mistake, in the one form that all of them have. */
export function expected(what: string, got: string, hint = ''): TypeError {
  return new TypeError(`Expected ${what}, got ${got}${hint === '' ? '' : `. ${hint}`}`)
}

/** What came, by its kind alone: for anything that may hold an id, a key or a secret. */
export function kind(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'function') return `the function ${value.name || '(anonymous)'}`
  if (typeof value !== 'object') return typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`
  if (Array.isArray(value)) return 'an array'
  const name: unknown = value.constructor?.name
  return typeof name === 'string' && name !== '' && name !== 'Object' ? `an instance of ${name}` : 'an object'
}

/** What came, with its text where it is one: for names and URLs. */
export function quoted(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 200)) : kind(value)
}
