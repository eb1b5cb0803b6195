import { expected, kind, quoted } from './expected.js'
import { type Gateway, type GatewayName, gateways } from './gateways.js'
import { keyIn } from './key.js'
import { rowOf } from './row.js'
import { isSession, type Outcome, type Session } from './session.js'
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
  /**
   * Hears what became of each call that was stamped: once per answer, an SDK's attempts included, before the caller has
   * it. What it throws is a warning, and no more. It costs nothing where it is not given.
   *
   * @param response The answer itself, where the seam is a fetch. What reads its body takes that from the caller:
   *   `readUsage` does not.
   */
  readonly onOutcome?: (outcome: Outcome, response?: Response) => void
}

/** Options that were checked once, at set-up. */
export interface Policy {
  readonly session: Session | undefined
  readonly onOutcome: AffinityOptions['onOutcome']
  /** What is behind a URL, or undefined where nothing is to be stamped. An unknown URL is no reason not to, unless origins were named. */
  placeAt(url: string | undefined): Place | undefined
}

/** Where a call goes. */
export interface Place {
  readonly gateway: Gateway
  /** Empty where it is not known. */
  readonly origin: string
  /** The body field that carries the key here. */
  readonly field: string | undefined
}

/** What to write into a request, for whom. */
export interface Stamp {
  readonly session: Session
  readonly key: string
  /** A header that names the session's parent, where the gateway wants to know it. */
  readonly parent: readonly [name: string, key: string] | undefined
}

// RFC 6749 leaves the path open, but every SDK's token exchange ends like this. It is no LLM call, wherever it goes.
const TOKEN_ENDPOINT = /\/oauth2?(\/v\d[\d.]*)?\/token\/?$/
// Where there is a page, a call may be relative to it.
const { location: page }: { location?: { readonly href: string } } & typeof globalThis = globalThis

const generic: Gateway = rowOf('generic')

/**
 * Checks options and makes the policy of a seam.
 *
 * @param home Where the client lives, asked at each new URL: what `origins` is when it is not given.
 * @throws TypeError that says which option is wrong, what was expected and what came.
 */
export function policyOf(options: AffinityOptions, home?: () => string): Policy {
  const { session, gateway, origins, onOutcome, ...others } = checked(options)
  const [stranger] = Object.keys(others)
  if (stranger !== undefined)
    throw expected('options to be `gateway`, `origins`, `session` and `onOutcome`', quoted(stranger))
  if (session !== undefined && !isSession(session)) {
    throw expected(
      '`session` to be a Session',
      kind(session),
      'Make one of an id with new Session(id), of a stored state with Session.from(state)',
    )
  }
  if (onOutcome !== undefined && typeof onOutcome !== 'function') {
    throw expected('`onOutcome` to be a function', kind(onOutcome))
  }
  const row = gateway === undefined ? undefined : rowOf(gateway)
  const covers = origins === undefined ? undefined : coverOf(origins)

  function find(url: string | undefined): Place | undefined {
    if (url === undefined) {
      return covers === undefined ? { gateway: row ?? generic, origin: '', field: undefined } : undefined
    }
    const parsed = URL.parse(url, page?.href)
    if (parsed === null || !isHttp(parsed) || TOKEN_ENDPOINT.test(parsed.pathname)) return undefined
    const covered = covers ?? (home === undefined ? undefined : coverOf(home()))
    if (covered?.(parsed) === false) return undefined
    const found = row ?? knownAt(parsed.hostname) ?? generic
    const isTaken = found.body?.paths.some((path) => parsed.pathname.endsWith(path))
    return { gateway: found, origin: parsed.origin, field: isTaken ? found.body?.field : undefined }
  }

  // A client calls the same URL over and over, so one remembered answer is nearly always the right one.
  let lastUrl: string | undefined
  let lastHome: string | undefined
  let last: Place | undefined
  return {
    session,
    onOutcome,
    placeAt(url) {
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

/** What to write for a speaker at a gateway, or undefined for nothing. Read at every attempt, since sessions move. */
export function stampOf(speaker: Session | Sidecar, { value, parent, strict }: Gateway): Stamp | undefined {
  const session = isSidecar(speaker) ? (strict === true ? speaker.lane : undefined) : speaker
  const own = session?.key
  if (session === undefined || own === undefined || own === '') return undefined
  const key = keyIn(own, value)
  const above = parent === undefined ? '' : keyIn(session.parent?.key ?? '', value)
  // A fork that shares its parent's cache has its parent's key.
  return { session, key, parent: parent === undefined || above === '' || above === key ? undefined : [parent, above] }
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
