/** A TypeError for a set-up mistake. All of them have this form. */
export function expected(what: string, got: string, hint = ''): TypeError {
  return new TypeError(`Expected ${what}, got ${got}${hint === '' ? '' : `. ${hint}`}`)
}

/** Describes a value by its type only: for anything that may hold an id, a key or a secret. */
export function kind(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value !== 'object') return `a ${typeof value}`
  const { name } = typeof value.constructor === 'function' ? value.constructor : Object
  return name === 'Object' ? 'an object' : name === 'Array' ? 'an array' : `an instance of ${name}`
}

/** Describes a value with its digits, if it is a number. */
export function counted(value: unknown): string {
  return typeof value === 'number' ? String(value) : kind(value)
}

/** Describes a value with its text, if it is a string: for names and URLs. */
export function quoted(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 200)) : kind(value)
}

/** Whether a value is an object and no array. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @throws TypeError for anything but a function. */
export function checkFunction(fn: unknown, hint = 'Write () => …'): void {
  if (typeof fn !== 'function') throw expected('`fn` to be a function', kind(fn), hint)
}

/**
 * Checks that options are an object without unknown names, and returns them. A misspelt option would silently have no effect.
 *
 * @param example Shown where the value is not an object.
 * @throws TypeError for anything else.
 */
export function checkOptions<Options>(
  options: Options,
  names: readonly string[],
  example: string,
  what = 'options',
): Options {
  if (!isObject(options)) {
    throw expected(`${what} to be an object such as ${example}`, kind(options))
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name))
  if (unknown === undefined) return options
  throw expected(`${what} to be among \`${names.join('`, `')}\``, quoted(unknown))
}
