import { type AffinityOptions, type Outcome, Session, withAffinity } from 'llm-affinity'
import { type Gateway, type GatewayName, gateways } from 'llm-affinity/gateways'
import { readUsage } from 'llm-affinity/usage'
import { orAborted } from '../util/or-aborted.js'
import type { ApiAdapter, Message, StreamEvent } from './api-adapters.js'
import type { Answer } from './calls.js'
import { faultOf } from './faults.js'

/** How calls reach the gateway. */
export interface Connection {
  readonly adapter: ApiAdapter
  /** Which of the adapter's request forms the server accepts. */
  readonly form: number
  /** Ends the whole run. */
  readonly signal: AbortSignal
  /** Milliseconds that one call may take. */
  readonly callTimeoutMs: number
  /** @default the global fetch */
  readonly fetch?: typeof fetch
}

/** The client of one conversation, with a session or without. */
export interface ChatClient {
  readonly key: string | undefined
  /** Never rejects: a fault is in the answer. */
  ask(messages: readonly Message[]): Promise<Answer>
}

/** What was observed of a call below the SDK and llm-affinity. */
interface Observed {
  response?: Response
  usage?: ReturnType<typeof readUsage>
  carriers: readonly string[]
  sentHeaders: readonly string[]
  outcome?: Outcome
}

/** The gateway to stamp for: a given one, or the one that llm-affinity selects for the URL. */
export type GatewayChoice = Gateway | 'by host'

/** @param stamping Absent: the client carries no key. */
export function connectClient(place: Connection, stamping?: GatewayChoice): ChatClient {
  const session = stamping && new Session()
  const send = place.fetch ?? fetch
  let seen: Observed = { carriers: [], sentHeaders: [] }
  const line = place.adapter.connect(
    async (input, init) => {
      seen.carriers = carriersOf(init, session?.key)
      seen.sentHeaders = [...new Headers(init?.headers).keys()]
      const response = await send(input, init)
      seen.response = response
      seen.usage = readUsage(response)
      return response
    },
    (client) => {
      if (session === undefined) return client
      const onOutcome = (outcome: Outcome): void => {
        seen.outcome = outcome
      }
      return withAffinity(client, { ...optionsFor(stamping), session, onOutcome })
    },
  )
  return {
    key: session?.key,
    ask: async (messages) => {
      seen = { carriers: [], sentHeaders: [] }
      const patience = AbortSignal.timeout(place.callTimeoutMs)
      const begun = performance.now()
      const heard: StreamState = { text: '', saysCached: false, events: 0, isWhole: false }
      let fault: Answer['fault']
      try {
        for await (const event of line.stream(messages, place.form, AbortSignal.any([place.signal, patience]))) {
          heard.ttft ??= performance.now() - begun
          addEvent(heard, event)
        }
        fault = streamFault(seen, heard)
      } catch (error) {
        fault = place.signal.aborted
          ? { kind: 'aborted', message: 'the run ended' }
          : faultOf(error, { answered: seen.response !== undefined, timedOut: patience.aborted })
      }
      // Usage is only known where the answer was read to its end.
      const usage = fault === undefined ? await orAborted(place.signal, seen.usage) : undefined
      return answerOf(seen, heard, usage, fault, session?.key)
    },
  }
}

// By name where it has one: the checks for user-defined gateways do not apply to all entries of the table.
function optionsFor(stamping: GatewayChoice | undefined): Pick<AffinityOptions, 'gateway'> {
  if (stamping === undefined || stamping === 'by host') return {}
  return { gateway: isKnown(stamping.name) ? stamping.name : stamping }
}

function isKnown(name: string): name is GatewayName {
  return gateways.has(name)
}

interface StreamState {
  text: string
  ttft?: number
  saysCached: boolean
  events: number
  isWhole: boolean
}

function addEvent(heard: StreamState, { text, usage, last }: StreamEvent): void {
  heard.events += 1
  heard.text += text
  heard.isWhole ||= last === true
  heard.saysCached ||= reportsCachedTokens(usage)
}

function streamFault({ response }: Observed, heard: StreamState): Answer['fault'] {
  const type = response?.headers.get('content-type') ?? ''
  if (heard.events === 0)
    return { kind: 'no-llm', message: type === '' ? 'no content type' : (type.split(';')[0] ?? '') }
  return heard.isWhole ? undefined : { kind: 'cut', message: 'the stream ended before the answer was complete' }
}

function answerOf(
  { response, carriers, sentHeaders, outcome }: Observed,
  { text, ttft, saysCached }: StreamState,
  usage: Awaited<ReturnType<typeof readUsage>>,
  fault: Answer['fault'],
  key: string | undefined,
): Answer {
  const cookies = (response?.headers.getSetCookie() ?? []).map((cookie) => /^\s*([^=;]+)=([^;]*)/.exec(cookie))
  return {
    text,
    carriers,
    sentHeaders,
    headers: new Map(response?.headers),
    echoes: [...(response?.headers ?? [])].flatMap(([name, value]) => (value === key ? [name] : [])),
    cookies: new Map(cookies.flatMap((found) => (found ? [[found[1] ?? '', found[2] ?? ''] as const] : []))),
    ...(response !== undefined && { status: response.status }),
    ...(fault !== undefined && { fault }),
    ...(ttft !== undefined && { ttft }),
    ...usage,
    ...(saysCached && usage?.cachedTokens === undefined && { invalidCachedTokens: true as const }),
    ...(outcome !== undefined && { outcome }),
  }
}

function carriersOf(init: RequestInit | undefined, key: string | undefined): readonly string[] {
  if (key === undefined) return []
  const named = [...new Headers(init?.headers)].filter(([, value]) => value === key).map(([name]) => name)
  const isInBody = typeof init?.body === 'string' && init.body.includes(`"${key}"`)
  return isInBody ? [...named, 'body'] : named
}

const CACHED = ['cached_tokens', 'cache_read_input_tokens', 'prompt_cache_hit_tokens']

// Any number of cached tokens, valid or not: `readUsage` ignores invalid ones.
function reportsCachedTokens(usage: unknown): boolean {
  if (typeof usage !== 'object' || usage === null) return false
  return Object.entries(usage).some(([name, value]) =>
    CACHED.includes(name) ? value !== null && value !== undefined : reportsCachedTokens(value),
  )
}
