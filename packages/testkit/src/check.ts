import { inspect } from 'node:util'

/** Throws what every public function of this package throws on a wrong argument. */
export function wrong(expected: string, got: unknown): never {
  throw new TypeError(`Expected ${expected}, got ${inspect(got, { depth: 1, breakLength: Number.POSITIVE_INFINITY })}`)
}

/** A whole number of at least `least`, or a TypeError that calls it `name`. */
export function whole(name: string, value: unknown, least = 0): number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number
  return wrong(`\`${name}\` to be a whole number of at least ${least}`, value)
}

/** A finite number of milliseconds, zero included, or a TypeError that calls it `name`. */
export function milliseconds(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  return wrong(`\`${name}\` to be a number of milliseconds, 0 or more`, value)
}

/** An object that holds options, or a TypeError. */
export function options(value: unknown): void {
  if (typeof value !== 'object' || value === null) wrong('the options to be an object', value)
}

/** A free port (0) or a given one, or a TypeError. */
export function port(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= 65_535) return value as number
  return wrong('`port` to be a port number, or 0 for a free one', value)
}

/** A list of texts that are not empty, or a TypeError that calls it `name`. */
export function texts(name: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== '')) return value
  return wrong(`\`${name}\` to be a list of texts`, value)
}

/** A text that can stand in a header: printable ASCII, not empty. Or a TypeError that calls it `name`. */
export function headerValue(name: string, value: unknown): string {
  if (typeof value === 'string' && /^[!-~]([ -~]*[!-~])?$/.test(value)) return value
  return wrong(`\`${name}\` to be printable ASCII`, value)
}
