import type { Gateway } from '../gateways/gateway.js'
import { gatewayAt } from '../gateways/hosts.js'
import type { GatewayName } from '../gateways/table.js'
import { resolveGateway } from '../gateways/validate.js'
import { isSession, type Outcome, type Session } from '../session/session.js'
import { checkOptions, expected, kind } from '../util/errors.js'
import { parseUrl } from '../util/url.js'
import { warnOnce } from '../util/warn.js'
import { covers, isHttp, type Origins, parseOrigins } from './origins.js'
import type { Target } from './stamp.js'

/** The options of all integrations. */
export interface AffinityOptions {
  /** What to write: the name of a known gateway, or a user-defined one. Default: known providers by host, else `generic`. */
  readonly gateway?: GatewayName | Gateway
  /**
   * Where to write it: the key goes to these origins and to no other, whatever redirects. Default: the client's base URL
   * with `withAffinity`, the origin that a call is made to with `affinityFetch` and `affinityHeaders`. The other
   * integrations require it.
   */
  readonly origins?: Origins
  /** The session of every call, also where async context is lost. Default: the session in whose scope the call is made. */
  readonly session?: Session
  /**
   * Receives the outcome of each stamped call: once per answer, an SDK's attempts included, before the caller receives the
   * answer. What it throws becomes a warning. Without it nothing is measured for it.
   *
   * @param response The answer itself, where the integration is a fetch. Code that reads its body takes the body from the
   *   caller; `readUsage` does not.
   */
  readonly onOutcome?: (outcome: Outcome, response?: Response) => void
}

/** The names of these options. */
const AFFINITY_OPTIONS: readonly string[] = ['gateway', 'origins', 'session', 'onOutcome']

/** Options that were checked once, at set-up. */
export interface Policy {
  readonly session: Session | undefined
  readonly onOutcome: AffinityOptions['onOutcome']
  /**
   * What is behind a URL, or undefined where nothing is to be stamped. Without a URL a request is stamped, unless `origins`
   * were named.
   */
  targetFor(url: string | undefined): Target | undefined
  /** Whether the user has named this origin, by `origins` or by the base URL of a client, whatever the path there. */
  isNamed(origin: string): boolean
  /** The only origin that `origins` names, if it is one: where a request without an origin of its own is taken to go. */
  readonly soleOrigin: string | undefined
}

// RFC 6749 leaves the path open, but every SDK's token exchange ends like this. It is not an LLM call, wherever it goes.
const TOKEN_ENDPOINT = /\/oauth2?(\/v\d[\d.]*)?\/token\/?$/

const generic: Gateway = resolveGateway('generic')

/**
 * Checks options and makes the policy of an integration.
 *
 * @param getBaseURL The base URL of a client, read at each new URL: what `origins` is when it is not given.
 * @throws TypeError that says which option is wrong, what was expected and what came.
 */
export function policyOf(options: AffinityOptions, getBaseURL?: () => string): Policy {
  const { session, gateway, origins, onOutcome } = checkAffinityOptions(options)
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
  const chosen = gateway === undefined ? undefined : resolveGateway(gateway)
  const named = origins === undefined ? undefined : parseOrigins(origins)
  // Undefined: a call may go anywhere.
  const prefixes = (): ReturnType<typeof parseOrigins> | undefined =>
    named ?? (getBaseURL === undefined ? undefined : parseOrigins(getBaseURL()))

  function findTarget(url: string | undefined): Target | undefined {
    if (url === undefined) {
      return named === undefined ? { gateway: chosen ?? generic, origin: '', field: undefined } : undefined
    }
    // Where there is a page, a call may be relative to it.
    const { location: page }: { location?: { readonly href: string } } & typeof globalThis = globalThis
    const parsed = parseUrl(url, page?.href)
    if (parsed === null || !isHttp(parsed) || TOKEN_ENDPOINT.test(parsed.pathname)) return undefined
    const allowed = prefixes()
    if (allowed !== undefined && !covers(allowed, parsed)) return undefined
    const found = chosen ?? gatewayAt(parsed.hostname) ?? generic
    const takesField = found.body?.paths?.some((path) => parsed.pathname.endsWith(path))
    return { gateway: found, origin: parsed.origin, field: takesField ? found.body?.field : undefined }
  }

  // A client calls the same URL over and over, so one remembered answer is nearly always the right one.
  let lastUrl: string | undefined
  let lastBaseURL: string | undefined
  let last: Target | undefined
  return {
    session,
    onOutcome,
    soleOrigin: named?.length === 1 ? named[0]?.origin : undefined,
    isNamed: (origin) => prefixes()?.some((prefix) => prefix.origin === origin) === true,
    targetFor(url) {
      const baseURL = getBaseURL?.()
      if (url !== lastUrl || baseURL !== lastBaseURL || url === undefined) {
        last = findTarget(url)
        lastUrl = url
        lastBaseURL = baseURL
      }
      return last
    },
  }
}

/**
 * The policy of an integration that writes headers only, and requires `origins`.
 *
 * @param example What to write instead of a call without `origins`.
 * @throws TypeError when an option is wrong or `origins` is missing.
 */
export function policyWithOrigins(options: AffinityOptions, example: string): Policy {
  const policy = policyOf(options)
  if (options.origins === undefined) {
    throw expected('`origins` to name where keys may go', kind(options.origins), `Write ${example}`)
  }
  const chosen = options.gateway === undefined ? undefined : resolveGateway(options.gateway)
  if (chosen?.body !== undefined && chosen.headers.length === 0) {
    warnOnce(
      `the gateway ${chosen.name} takes its key in the body, which only withAffinity and affinityFetch can write`,
    )
  }
  return policy
}

/** Checks that options are an object without unknown names. */
export function checkAffinityOptions<Options extends AffinityOptions>(options: Options, ...more: string[]): Options {
  return checkOptions(options, [...AFFINITY_OPTIONS, ...more], '{ origins: "http://gateway:4000" }')
}
