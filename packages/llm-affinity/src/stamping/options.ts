import type { Gateway } from '../gateways/gateway.js'
import { gatewayAt } from '../gateways/hosts.js'
import type { GatewayName } from '../gateways/table.js'
import { resolveGateway } from '../gateways/validate.js'
import { isSession, type Outcome, type Session } from '../session/session.js'
import { checkOptions, expected, kind } from '../util/errors.js'
import { parseUrl } from '../util/url.js'
import { warnOnce } from '../util/warn.js'
import { watchForBypass } from './bypass.js'
import type { Extension, Target } from './extension.js'
import { covers, isHttp, type Origins, parseOrigins, TOKEN_ENDPOINT } from './origins.js'

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
  /** What else takes part in each stamped call: a `LearnedState`, a `CacheDiagnostics`, or a list of them. */
  readonly use?: Extension | readonly Extension[]
  /**
   * Warns once if, inside of a session, another client sends a request to these origins without the key. On Node only. Needs
   * `origins` or a wrapped client. Default: true where `NODE_ENV` is `development`.
   */
  readonly warnBypassed?: boolean
  /**
   * Warns once if a call that could be stamped is made outside of any session, and not in `runWithoutSession`. With
   * `withAffinity`, `affinityFetch` and `patchGlobalFetch`. Default: false.
   */
  readonly warnNoSession?: boolean
}

/** The names of these options. */
const AFFINITY_OPTIONS: readonly string[] = [
  'gateway',
  'origins',
  'session',
  'onOutcome',
  'use',
  'warnBypassed',
  'warnNoSession',
]

/** The checked options of an integration. */
export interface Policy {
  readonly session: Session | undefined
  readonly onOutcome: AffinityOptions['onOutcome']
  readonly extensions: readonly Extension[]
  readonly warnNoSession: boolean
  /** The gateway behind a URL; undefined if requests to it are not stamped. */
  targetFor(url: string): Target | undefined
  /** Whether `origins`, or the base URL of the client, names this origin, with any path. */
  isNamed(origin: string): boolean
  /** The origin in `origins` if there is exactly one: a request without an origin is assumed to go there. */
  readonly soleOrigin: string | undefined
}

const generic: Gateway = resolveGateway('generic')

/**
 * Checks options and returns the policy of an integration.
 *
 * @param getBaseURL Returns the base URL of a client, the default of `origins`. Called for each request.
 * @throws TypeError that names the option, what was expected and what it got.
 */
export function policyOf(options: AffinityOptions, getBaseURL?: () => string): Policy {
  const { session, gateway, origins, onOutcome, use = [], ...warn } = checkAffinityOptions(options)
  if (session !== undefined && !isSession(session)) {
    throw expected('`session` to be a Session', kind(session), 'Write new Session(id) or Session.from(state)')
  }
  if (onOutcome !== undefined && typeof onOutcome !== 'function') {
    throw expected('`onOutcome` to be a function', kind(onOutcome))
  }
  const extensions = [use].flat()
  for (const each of extensions) {
    if (typeof each?.request !== 'function')
      throw expected('`use` to be a LearnedState or another extension', kind(each))
  }
  for (const [name, value] of Object.entries(warn)) {
    if (value !== undefined && typeof value !== 'boolean') throw expected(`\`${name}\` to be a boolean`, kind(value))
  }
  const chosen = gateway === undefined ? undefined : resolveGateway(gateway)
  for (const each of extensions) each.accepts?.(chosen?.name)
  const gatewayOf = (host: string): Gateway => chosen ?? gatewayAt(host) ?? generic
  const named = origins === undefined ? undefined : parseOrigins(origins)
  // Undefined: calls to any origin are stamped.
  const prefixes = (): ReturnType<typeof parseOrigins> | undefined =>
    named ?? (getBaseURL === undefined ? undefined : parseOrigins(getBaseURL()))

  function findTarget(url: string): Target | undefined {
    // In a browser, a URL may be relative to the page.
    const { location: page }: { location?: { readonly href: string } } & typeof globalThis = globalThis
    const parsed = parseUrl(url, page?.href)
    if (parsed === null || !isHttp(parsed) || TOKEN_ENDPOINT.test(parsed.pathname)) return undefined
    const allowed = prefixes()
    if (allowed !== undefined && !covers(allowed, parsed)) return undefined
    const found = gatewayOf(parsed.hostname)
    const takesField = found.body?.paths?.some((path) => parsed.pathname.endsWith(path))
    const { origin, pathname: path } = parsed
    return { gateway: found, origin, path, field: takesField ? found.body?.field : undefined }
  }

  if (warn.warnBypassed ?? isDevelopment()) watchForBypass(prefixes() ?? [], gatewayOf)

  // A client mostly calls the same URL, so only the last result is cached.
  let lastUrl: string | undefined
  let lastBaseURL: string | undefined
  let last: Target | undefined
  return {
    session,
    onOutcome,
    extensions,
    warnNoSession: warn.warnNoSession === true,
    soleOrigin: named?.length === 1 ? named[0]?.origin : undefined,
    isNamed: (origin) => prefixes()?.some((prefix) => prefix.origin === origin) === true,
    targetFor(url) {
      const baseURL = getBaseURL?.()
      if (url !== lastUrl || baseURL !== lastBaseURL) {
        last = findTarget(url)
        lastUrl = url
        lastBaseURL = baseURL
      }
      return last
    },
  }
}

function isDevelopment(): boolean {
  try {
    // In this form, bundlers replace it.
    return process.env.NODE_ENV === 'development'
  } catch {
    return false
  }
}

/**
 * The policy of an integration that writes headers only, and requires `origins`.
 *
 * @param example Shown where `origins` is missing.
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
