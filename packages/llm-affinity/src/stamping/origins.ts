import { expected, quoted } from '../util/errors.js'
import { parseUrl } from '../util/url.js'

/**
 * The origins that keys may go to. A URL with a path covers that path and what is below it, in whole segments
 * (`https://host/v1` covers `/v1` and `/v1/models`, not `/v1beta`). Compared as parsed URLs, not as text.
 */
export type Origins = string | URL | readonly (string | URL)[]

// RFC 6749 does not define the path, but the token exchange of every SDK ends like this.
/** The path of a token endpoint, which is no LLM call. */
export const TOKEN_ENDPOINT: RegExp = /\/oauth2?(\/v\d[\d.]*)?\/token\/?$/

/** An origin that the user named, and the prefix of the paths that it covers. */
export interface OriginPrefix {
  readonly origin: string
  readonly path: string
}

/**
 * Reads the `origins` option.
 *
 * @throws TypeError for an empty list, and for anything that is not an http(s) URL.
 */
export function parseOrigins(origins: Origins): readonly OriginPrefix[] {
  const list = Array.isArray(origins) ? origins : [origins]
  if (list.length === 0) throw expected('`origins` to name at least one URL', 'an empty list')
  return list.map(parseOrigin)
}

function parseOrigin(origin: unknown): OriginPrefix {
  const url = origin instanceof URL ? origin : typeof origin === 'string' ? parseUrl(origin) : null
  // Patterns are rejected: a star in a URL is an ordinary character, and would never match.
  if (url === null || !isHttp(url) || url.href.includes('*')) {
    throw expected(
      '`origins` to be http(s) URLs, each named, without patterns',
      quoted(origin),
      'Write { origins: "http://gateway:4000" }',
    )
  }
  return { origin: url.origin, path: url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/` }
}

/** Whether one of the prefixes covers a URL. */
export function covers(prefixes: readonly OriginPrefix[], url: URL): boolean {
  return prefixes.some(({ origin, path }) => url.origin === origin && `${url.pathname}/`.startsWith(path))
}

export function isHttp(url: URL): boolean {
  return url.protocol === 'http:' || url.protocol === 'https:'
}
