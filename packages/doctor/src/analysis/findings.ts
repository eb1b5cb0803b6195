import type { Gateway } from 'llm-affinity/gateways'
import type { Answer, Arm, Call, Fault } from '../client/calls.js'
import { type Agreement, type BackendIdentifier, identifyBackends, type Trust } from './backend-identifier.js'
import { type CacheReading, isVisible, readCaches } from './cache-steps.js'
import { type Evidence, evidenceByCache, evidenceByName, type Share } from './evidence.js'
import { type Figures, figuresOf } from './figures.js'
import type { Recognised } from './recognise-gateway.js'

/** All that is known when a verdict is given. */
export interface Findings {
  readonly figures: Readonly<Record<Arm, Figures>>
  /** What names the backends. */
  readonly identifier?: { readonly by: string; readonly trust: Trust; readonly agreement: Agreement }
  /** Evidence by the names of backends. */
  readonly names?: Evidence
  /** Evidence by the caches. */
  readonly caches?: Evidence
  /** Later turns, of both arms, whose cache had seen any turn of the conversation. Absent where nothing was found. */
  readonly foundAny?: Share
  /** Why the caches prove nothing. Absent: they do, or there are too few calls. */
  readonly cacheProblem?: CacheReading['problem']
  /** The most lineages that one conversation's `cached_tokens` have. */
  readonly lineages?: number
  /** The gateway that the calls were stamped for. */
  readonly gateway: Gateway
  /** The gateway that was recognised, by headers that no other one sends. */
  readonly recognised?: string
  /** A server that names itself in an answer and is not that gateway: another hop. */
  readonly otherHop?: string
  /** What carried the key in the requests that were sent: names of headers, `body`. */
  readonly carriers: readonly string[]
  readonly faults: readonly Fault[]
  /** How many answers were a 429 whose call was repeated. */
  readonly rateLimited: number
  /** Why there are fewer calls than planned. */
  readonly stoppedBy?: 'time' | 'budget'
  /** No call was answered, but the gateway lists the model. */
  readonly isModelListed?: true
  /** Whether some answers reported a number of cached tokens that is not possible. */
  readonly invalidCachedTokens: boolean
  /** The response headers in which the key came back. */
  readonly echoedIn: readonly string[]
  /** What the gateway issued and may expect back: names of cookies, and of headers with a token of its own. */
  readonly issuedTokens: readonly string[]
  /** What conversations with the key gave back. Empty if the user did not ask for it. */
  readonly learned: readonly string[]
  /** What the run was started with, for the commands that next steps print. */
  /** Milliseconds of the long pauses before turns, where the user wants to see how long pins live. */
  readonly longPauses: ReadonlyMap<number, number>
  readonly target: { readonly baseUrl: string; readonly model: string; readonly budget: number }
  /** Whether the budget allows more conversations. */
  readonly canPlayMore: boolean
  readonly probes: Probes
}

/** What the short calls after the conversations have found. Absent members were not probed. */
export interface Probes {
  /** The header by whose value the gateway pins, if it is one of those that were tried. */
  readonly names?: {
    readonly tried: number
    readonly found?: string
    /** It is one of these; budget or time did not suffice to find out which. */
    readonly among?: readonly string[]
    /** The prompts were shorter than those of the conversations. */
    readonly isShort?: true
  }
  /** Whether calls that share only their key reach one backend. `backends`: how many answered them. */
  readonly key?: { readonly pins: boolean; readonly backends: number }
  /**
   * Whether each address, or each credential, has its own backend. Absent member: not possible here. `backends`: how many
   * answered these calls.
   */
  readonly client?: { readonly address?: boolean; readonly credential?: boolean; readonly backends: number }
  /** More conversations were played. */
  readonly more?: { readonly rounds: number }
}

/** What is known beside the calls. */
export interface Context {
  readonly gateway: Gateway
  readonly recognised?: Recognised | undefined
  readonly stoppedBy?: Findings['stoppedBy'] | undefined
  readonly isModelListed: boolean
  readonly canPlayMore: boolean
  readonly longPauses: ReadonlyMap<number, number>
  readonly target: Findings['target']
  /** The block in which the caches count, where it was measured. */
  readonly blockTokens?: number | undefined
  /** What conversations with the key gave back. */
  readonly learned?: readonly string[] | undefined
  /** The header that names backends, by the user. */
  readonly backendHeader?: string | undefined
  readonly probes: Probes
}

/** The findings, and what they rest on. */
export interface Analysis {
  readonly findings: Findings
  readonly caches: CacheReading
  readonly identifier?: BackendIdentifier
}

/** Analyses the calls of both arms. */
export function analyse(calls: readonly Call[], context: Context): Analysis {
  const {
    gateway,
    recognised,
    stoppedBy,
    isModelListed,
    canPlayMore,
    target,
    longPauses,
    backendHeader,
    blockTokens,
    learned = [],
    probes,
  } = context
  const { outcome, source } = gateway.evidence ?? {}
  const answers: readonly Answer[] = calls.map(({ answer }) => answer)
  const reading = readCaches(calls, blockTokens)
  const identifier = identifyBackends(calls, {
    caches: reading,
    prefer: gateway.name,
    ...(backendHeader !== undefined && { header: backendHeader }),
  })
  const names = identifier && evidenceByName(calls, identifier)
  const caches = evidenceByCache(reading)
  const hop = otherHop(answers, recognised)
  const figures = (arm: Arm): Figures =>
    figuresOf(arm, {
      calls,
      identifier,
      caches: reading,
      sameBackend: names?.[arm].stayed,
      pinHeaders: { outcome, source },
    })
  return {
    caches: reading,
    ...(identifier && { identifier }),
    findings: {
      figures: { affinity: figures('affinity'), control: figures('control') },
      gateway,
      carriers: carriersOf(gateway, answers),
      faults: answers.flatMap(({ fault }) => fault ?? []),
      rateLimited: answers.reduce((sum, { rateLimited = 0 }) => sum + rateLimited, 0),
      invalidCachedTokens: answers.some(({ invalidCachedTokens }) => invalidCachedTokens === true),
      echoedIn: [...new Set(answers.flatMap(({ echoes }) => echoes))],
      issuedTokens: issuedTokens(gateway, answers),
      learned,
      target,
      longPauses,
      canPlayMore,
      probes,
      ...(identifier && {
        identifier: {
          by: identifier.by,
          trust: identifier.trust,
          agreement: identifier.agreement,
        },
      }),
      ...(names && { names }),
      ...(caches && { caches }),
      ...(isVisible(reading) && {
        foundAny: { count: reading.steps.filter(({ foundAny }) => foundAny).length, total: reading.steps.length },
      }),
      ...(reading.problem && { cacheProblem: reading.problem }),
      ...(reading.lineages !== undefined && { lineages: reading.lineages }),
      ...(recognised?.isSure && { recognised: recognised.gateway.name }),
      ...(hop !== undefined && { otherHop: hop }),
      ...(isModelListed && { isModelListed }),
      ...(stoppedBy && { stoppedBy }),
    },
  }
}

// In the order of the table: the header of its own first.
function carriersOf({ headers }: Gateway, answers: readonly Answer[]): string[] {
  const seen = new Set(answers.flatMap(({ carriers }) => carriers))
  return [...headers.filter((name) => seen.has(name)), ...(seen.has('body') ? ['body'] : [])]
}

const HOPS =
  /^(caddy|nginx|openresty|envoy|istio-envoy|apache|varnish|haproxy|traefik|cloudflare|awselb|akamai\w*|fastly)/i

// A gateway that was recognised by its own headers, behind a server that names itself.
function otherHop(answers: readonly Answer[], recognised: Recognised | undefined): string | undefined {
  if (!recognised?.isSure) return undefined
  const servers = answers.flatMap(({ headers }) => [headers.get('server') ?? '', headers.get('via') ?? ''])
  const name = servers.map((each) => HOPS.exec(each.replace(/^[\d.]+ /, ''))?.[1]).find((each) => each !== undefined)
  return name === undefined || recognised.gateway.name.includes(name.toLowerCase()) ? undefined : name
}

const TOKEN = /session|affinity|sticky|turn-state/

/** What answers issue to be sent back, except what the table of gateways lists as evidence. */
export function issuedTokens({ evidence = {} }: Gateway, answers: readonly Answer[]): string[] {
  const known: readonly unknown[] = Object.values(evidence).flat()
  const cookies = answers.flatMap((answer) => [...answer.cookies.keys()].map((name) => `cookie ${name}`))
  const headers = answers.flatMap(({ headers, echoes }) =>
    [...headers.keys()].filter((name) => TOKEN.test(name) && !known.includes(name) && !echoes.includes(name)),
  )
  return [...new Set([...cookies, ...headers])]
}
