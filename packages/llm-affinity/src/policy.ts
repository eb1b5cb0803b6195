import { expected, kind, quoted } from './expected.js'
import { type Gateway, type GatewayName, gateways } from './gateways.js'
import { isSession, type Session } from './session.js'
import { isSidecar, type Sidecar } from './speaking.js'

/**
 * Where requests may be stamped: an origin, or a URL whose path is a prefix that counts in whole segments
 * (`https://host/v1` covers `/v1` and `/v1/models`, not `/v1beta`). Compared as parsed, never as text.
 */
export type Origins = string | URL | readonly (string | URL)[]

/** What all seams take. */
export interface AffinityOptions {
  /** What to write: the name of a known gateway or a row of your own. Default: known providers by host, else `generic`. */
  readonly gateway?: GatewayName | Gateway
  /**
   * Where to write it. Default: the client's base URL with `withAffinity`; otherwise the origin that the caller asked
   * for, which later hops of the same request must equal.
   */
  readonly origins?: Origins
  /** The session of every call, also where ambient context is lost. Default: the one whose scope the call is made in. */
  readonly session?: Session
}

/** Options that were checked once, at set-up. */
export interface Policy {
  readonly session: Session | undefined
  /** The gateway behind a URL, or undefined where nothing is to be stamped. An unknown URL is no reason not to, unless origins were named. */
  gatewayAt(url: string | undefined): Gateway | undefined
}

// RFC 6749 leaves the path open, but every SDK's token exchange ends like this. It is no LLM call, wherever it goes.
const TOKEN_ENDPOINT = /\/oauth2?(\/v\d[\d.]*)?\/token\/?$/
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// What frames a request or proves who sends it.
const RESERVED =
  /^(authorization|connection|content-.*|cookie|expect|host|keep-alive|proxy-.*|sec-.*|te|trailer|transfer-encoding|upgrade)$/i
const HOST = /^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$/

// Where there is a page, a call may be relative to it.
const { location: page }: { location?: { readonly href: string } } & typeof globalThis = globalThis

const generic: Gateway = gatewayOf('generic')

/**
 * Checks options and makes the policy of a seam.
 *
 * @param home Where the client lives, asked at each new URL: what `origins` is when it is not given.
 * @throws TypeError that says which option is wrong, what was expected and what came.
 */
export function policyOf(options: AffinityOptions, home?: () => string): Policy {
  const { session, gateway, origins, ...others } = checked(options)
  const [stranger] = Object.keys(others)
  if (stranger !== undefined) throw expected('options to be `gateway`, `origins` and `session`', quoted(stranger))
  if (session !== undefined && !isSession(session)) {
    throw expected(
      '`session` to be a Session',
      kind(session),
      'Make one of an id with new Session(id), of a stored state with Session.from(state)',
    )
  }
  const row = gateway === undefined ? undefined : gatewayOf(gateway)
  const covers = origins === undefined ? undefined : coverOf(origins)

  function find(url: string | undefined): Gateway | undefined {
    if (url === undefined) return covers === undefined ? (row ?? generic) : undefined
    const parsed = URL.parse(url, page?.href)
    if (parsed === null || !isHttp(parsed) || TOKEN_ENDPOINT.test(parsed.pathname)) return undefined
    const covered = covers ?? (home === undefined ? undefined : coverOf(home()))
    if (covered?.(parsed) === false) return undefined
    return row ?? knownAt(parsed.hostname) ?? generic
  }

  // A client calls the same URL over and over, so one remembered answer is nearly always the right one.
  let lastUrl: string | undefined
  let lastHome: string | undefined
  let last: Gateway | undefined
  return {
    session,
    gatewayAt(url) {
      const here = home?.()
      if (url !== lastUrl || here !== lastHome || url === undefined) {
        last = find(url)
        lastUrl = url
        lastHome = here
      }
      return last
    },
  }
}

/** Options, which are an object. */
export function checked<Options>(options: Options): Options {
  if (typeof options === 'object' && options !== null) return options
  throw expected('options to be an object such as { origins: "http://gateway:4000" }', kind(options))
}

/** The key to write for a speaker at a gateway, or undefined for none. Read at every attempt, since sessions move. */
export function keyFor(speaker: Session | Sidecar, gateway: Gateway): string | undefined {
  const session = isSidecar(speaker) ? (gateway.strict === true ? speaker.lane : undefined) : speaker
  return session?.key || undefined
}

function gatewayOf(gateway: GatewayName | Gateway): Gateway {
  if (typeof gateway === 'string') {
    const known = gateways.get(gateway)
    if (known !== undefined) return known
    throw expected(`\`gateway\` to be one of ${[...gateways.keys()].join(', ')}, or a row of your own`, quoted(gateway))
  }
  if (typeof gateway !== 'object' || gateway === null) throw expected('`gateway` to be a name or a row', kind(gateway))
  const { name, headers, hosts = [], strict = false } = gateway
  if (typeof name !== 'string' || name === '')
    throw expected('`gateway.name` to be a string that is not empty', quoted(name))
  if (!isListOf(headers, HEADER_NAME) || headers.length === 0 || headers.some((header) => RESERVED.test(header))) {
    throw expected(
      '`gateway.headers` to be a list, not empty, of header names that are free to carry a key',
      shownList(headers),
    )
  }
  if (!isListOf(hosts, HOST))
    throw expected('`gateway.hosts` to be a list of hosts such as "*.example.com"', shownList(hosts))
  // Copied, so that a row changed later does not change what goes out.
  return { name, headers: headers.map((header) => header.toLowerCase()), hosts: [...hosts], strict }
}

function isListOf(list: unknown, form: RegExp): list is readonly string[] {
  return Array.isArray(list) && list.every((item) => typeof item === 'string' && form.test(item))
}

function shownList(list: unknown): string {
  return Array.isArray(list) ? `[${list.map(quoted).join(', ')}]` : kind(list)
}

function knownAt(host: string): Gateway | undefined {
  return [...gateways.values()].find((row) => row.hosts?.some((known) => isHost(host, known)))
}

function isHost(host: string, known: string): boolean {
  return known.startsWith('*.') ? host.endsWith(known.slice(1)) : host === known
}

function coverOf(origins: Origins): (url: URL) => boolean {
  const list = Array.isArray(origins) ? origins : [origins]
  if (list.length === 0) throw expected('`origins` to name at least one URL', 'an empty list')
  const places = list.map(placeOf)
  return (url) => places.some((place) => url.origin === place.origin && `${url.pathname}/`.startsWith(place.path))
}

function placeOf(origin: unknown): { origin: string; path: string } {
  const url = origin instanceof URL ? origin : typeof origin === 'string' ? URL.parse(origin) : null
  if (url === null || !isHttp(url)) {
    throw expected('`origins` to be http(s) URLs such as "https://gateway.example/v1"', quoted(origin))
  }
  return { origin: url.origin, path: url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/` }
}

function isHttp(url: URL): boolean {
  return url.protocol === 'http:' || url.protocol === 'https:'
}
