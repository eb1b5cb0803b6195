// Cookies of load balancers. Not a browser's jar: a cookie goes back to the exact origin that set it, so its Domain means
// nothing here; and one without a Path is for the whole origin, since nginx sends such cookies in answers to /v1/chat/….

/** A value that an answer handed out, to give back. */
export interface Handed {
  readonly value: string
  /** When it was handed out, in ms since 1970. */
  readonly at: number
  /** When it expires, in ms since 1970. */
  readonly until?: number
  /** The path of a cookie. */
  readonly path?: string
}

/** A cookie that an answer sets, or, without a `handed`, removes. */
export interface SetCookie {
  readonly name: string
  readonly handed: Handed | undefined
}

/** Longer values are ignored: no balancer needs that many characters. */
export const MAX_VALUE = 4096
// An answer with more cookies than this is not read further.
const MAX_COOKIES = 50
const MAX_ATTRIBUTES = 20
// Visible ASCII except comma and semicolon. Quotes belong to the value: Envoy sets them.
const VALUE = /^[\x21-\x2b\x2d-\x3a\x3c-\x7e]{1,4096}$/
const PATH = /^\/[\x21-\x3a\x3c-\x7e]{0,255}$/
const DIGITS = /^-?\d{1,12}$/

/** Whether a text can be sent as the value of a header, and is the value of one header only. */
export function isToken(text: unknown): text is string {
  return typeof text === 'string' && VALUE.test(text)
}

/**
 * The cookies of these names that an answer sets. Anything that is not understood is ignored.
 *
 * @param headers A Headers object, a plain object, or a raw list of names and values.
 */
export function cookiesSet(headers: unknown, names: readonly string[], now: number): SetCookie[] {
  return names.length === 0 ? [] : linesOf(headers).flatMap((line) => parsed(line, names, now) ?? [])
}

/** Whether a cookie is for a request to this path, and has not expired. */
export function isFor({ path, until }: Handed, requested: string, now: number): boolean {
  if (until !== undefined && until <= now) return false
  if (path === undefined || path === '/' || path === requested) return true
  return requested.startsWith(path.endsWith('/') ? path : `${path}/`)
}

function parsed(line: string, names: readonly string[], now: number): SetCookie | undefined {
  // Longer by far than any cookie with attributes.
  if (line.length > 2 * MAX_VALUE) return undefined
  const [pair = '', ...attributes] = line.split(';', MAX_ATTRIBUTES)
  const at = pair.indexOf('=')
  const name = pair.slice(0, Math.max(at, 0)).trim()
  const value = pair.slice(at + 1).trim()
  if (!names.includes(name)) return undefined
  let path: string | undefined
  let until: number | undefined
  let maxAge: number | undefined
  for (const attribute of attributes) {
    const equals = attribute.indexOf('=')
    const key = (equals < 0 ? attribute : attribute.slice(0, equals)).trim().toLowerCase()
    const given = equals < 0 ? '' : attribute.slice(equals + 1).trim()
    if (key === 'path' && PATH.test(given)) path = given
    else if (key === 'max-age' && DIGITS.test(given)) maxAge = Number(given)
    else if (key === 'expires' && given.length <= 40) until = dateOf(given) ?? until
  }
  // By the standard, Max-Age wins.
  if (maxAge !== undefined) until = now + maxAge * 1000
  if (value === '' || (until !== undefined && until <= now)) return { name, handed: undefined }
  if (!VALUE.test(value)) return undefined
  return {
    name,
    handed: { value, at: now, ...(until !== undefined && { until }), ...(path !== undefined && { path }) },
  }
}

// nginx writes dashes in the date.
function dateOf(text: string): number | undefined {
  const date = Date.parse(text.replace(/(\d)-([A-Za-z]{3})-(\d)/, '$1 $2 $3'))
  return Number.isNaN(date) ? undefined : date
}

/** The Set-Cookie lines of an answer. */
function linesOf(headers: unknown): string[] {
  const found = rawLines(headers)
  return found.slice(0, MAX_COOKIES).filter((line): line is string => typeof line === 'string')
}

function rawLines(headers: unknown): unknown[] {
  if (Array.isArray(headers)) {
    const isCookie = (_: unknown, i: number): boolean => i % 2 === 1 && /^set-cookie$/i.test(String(headers[i - 1]))
    return headers.filter(isCookie).flat().map(String)
  }
  const { getSetCookie, raw, get }: { getSetCookie?: unknown; raw?: unknown; get?: unknown } = Object(headers)
  if (typeof getSetCookie === 'function') return [Reflect.apply(getSetCookie, headers, [])].flat()
  // node-fetch 2.
  if (typeof raw === 'function') return [Object(Reflect.apply(raw, headers, []))['set-cookie'] ?? []].flat()
  if (typeof get !== 'function') return [Object(headers)['set-cookie'] ?? []].flat()
  const joined: unknown = Reflect.apply(get, headers, ['set-cookie'])
  // An Expires has a comma too, but no name and `=` follow it.
  return typeof joined === 'string' ? joined.slice(0, 16 * MAX_VALUE).split(/,(?= *[^ ,;=]+=)/) : []
}
