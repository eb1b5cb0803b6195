import { inspect } from 'node:util'

/** Throws the TypeError that every public function of this package throws for a wrong argument. */
export function wrong(expected: string, got: unknown): never {
  throw new TypeError(`Expected ${expected}, got ${inspect(got, { depth: 1, breakLength: Number.POSITIVE_INFINITY })}`)
}

/** Returns a whole number of at least `least`; throws a TypeError that names the option otherwise. */
export function whole(name: string, value: unknown, least = 0): number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number
  return wrong(`\`${name}\` to be a whole number of at least ${least}`, value)
}

/** Returns a finite number of milliseconds, 0 or more; throws a TypeError that names the option otherwise. */
export function milliseconds(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  return wrong(`\`${name}\` to be a number of milliseconds, 0 or more`, value)
}

/** Throws a TypeError if the options are not an object. */
export function options(value: unknown): void {
  if (typeof value !== 'object' || value === null) wrong('the options to be an object', value)
}

/** Returns a port number, or 0 for a free port; throws a TypeError otherwise. */
export function port(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= 65_535) return value as number
  return wrong('`port` to be a port number, or 0 for a free one', value)
}

/** Returns a list of non-empty strings; throws a TypeError that names the option otherwise. */
export function strings(name: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== '')) return value
  return wrong(`\`${name}\` to be a list of non-empty strings`, value)
}

/** Returns a string that can be sent in a header: printable ASCII, not empty. Throws a TypeError otherwise. */
export function headerValue(name: string, value: unknown): string {
  if (typeof value === 'string' && /^[!-~]([ -~]*[!-~])?$/.test(value)) return value
  return wrong(`\`${name}\` to be printable ASCII`, value)
}
