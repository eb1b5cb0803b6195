import { type AffinityOptions, type Outcome, Session, withAffinity } from 'llm-affinity'
import { type Gateway, type GatewayName, gateways } from 'llm-affinity/gateways'
import { LearnedState } from 'llm-affinity/learned'
import { readUsage } from 'llm-affinity/usage'
import { orAborted } from '../util/or-aborted.js'
import type { ApiAdapter, Message, RequestForm, StreamEvent } from './api-adapters.js'
import type { Answer } from './calls.js'
import { faultOf } from './faults.js'
import { learnedOptions } from './learning.js'
import type { Pacer } from './pacer.js'

/** How calls reach the gateway. */
export interface Connection {
  readonly adapter: ApiAdapter
  /** The request form that the server accepts. */
  readonly form: RequestForm
  readonly pacer: Pacer
  /** Ends the whole run. */
  readonly signal: AbortSignal
  /** Milliseconds that one call may take. */
  readonly callTimeoutMs: number
  /** What is given back in conversations with the key. */
  readonly learned?: readonly string[]
  /** @default the global fetch */
  readonly fetch?: typeof fetch
}

/** The client of one conversation, with a session or without. */
export interface ChatClient {
  readonly key: string | undefined
  /** Never rejects: a fault is in the answer. A call that was rate-limited is repeated, as the pacer allows. */
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

/** How often one call is repeated after a 429. */
const MAX_REPEATS = 8

/** @param stamping Absent: the client carries no key. */
export function connectClient(connection: Connection, stamping?: GatewayChoice): ChatClient {
  const session = stamping && new Session()
  const send = connection.fetch ?? fetch
  let seen: Observed = { carriers: [], sentHeaders: [] }
  const client = connection.adapter.connect(
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
      const { learned } = connection
      const use = learned === undefined ? [] : [new LearnedState(learnedOptions(learned))]
      return withAffinity(client, { ...optionsFor(stamping), session, onOutcome, use })
    },
  )
  const callOnce = async (messages: readonly Message[]): Promise<Answer> => {
    seen = { carriers: [], sentHeaders: [] }
    const timeout = AbortSignal.timeout(connection.callTimeoutMs)
    const begun = performance.now()
    const state: StreamState = { text: '', reportsCached: false, events: 0, isComplete: false }
    let fault: Answer['fault']
    const signal = AbortSignal.any([connection.signal, timeout])
    try {
      for await (const event of client.call(messages, connection.form, signal)) {
        state.ttft ??= performance.now() - begun
        addEvent(state, event)
      }
      // SDKs end a stream that is aborted like one that is complete.
      fault = signal.aborted ? abortFault(connection, state) : streamFault(seen, state)
    } catch (error) {
      fault = signal.aborted ? abortFault(connection, state) : faultOf(error, { answered: seen.response !== undefined })
    }
    // Usage is only known where the answer was read to its end.
    const usage = fault === undefined ? await orAborted(connection.signal, seen.usage) : undefined
    return answerOf(seen, state, usage, fault, session?.key)
  }
  return {
    key: session?.key,
    ask: async (messages) => {
      for (let repeats = 0; ; repeats++) {
        const answer = await connection.pacer.run(() => callOnce(messages))
        const isLimited = answer.fault?.kind === 'limited' && repeats < MAX_REPEATS
        const isRepeated = isLimited && connection.pacer.slowDown(answer.fault?.retryAfterMs)
        if (!isRepeated) return repeats === 0 ? answer : { ...answer, rateLimited: repeats }
      }
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
  reportsCached: boolean
  events: number
  isComplete: boolean
}

function addEvent(state: StreamState, { text, usage, last }: StreamEvent): void {
  state.events += 1
  state.text += text
  state.isComplete ||= last === true
  state.reportsCached ||= reportsCachedTokens(usage)
}

/** Why a call was aborted: the whole run has ended, or this call took too long. */
function abortFault({ signal, callTimeoutMs }: Connection, { events }: StreamState): Answer['fault'] {
  if (signal.aborted) return { kind: 'aborted', message: 'the run ended' }
  const time = `within ${callTimeoutMs / 1000} s`
  return events === 0
    ? { kind: 'silent', message: `no answer ${time}` }
    : { kind: 'stalled', message: `the answer began, and did not end ${time}` }
}

function streamFault({ response }: Observed, state: StreamState): Answer['fault'] {
  if (state.events === 0) {
    const [type = ''] = (response?.headers.get('content-type') ?? '').split(';')
    // JSON in place of a stream: the gateway ignores `stream`, or the error has the status 200.
    if (/\bjson$/.test(type)) return { kind: 'json-answer', message: type }
    return { kind: 'no-llm', message: type === '' ? 'no content type' : type }
  }
  return state.isComplete ? undefined : { kind: 'cut', message: 'the stream ended before the answer was complete' }
}

function answerOf(
  { response, carriers, sentHeaders, outcome }: Observed,
  { text, ttft, reportsCached }: StreamState,
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
    ...(reportsCached && usage?.cachedTokens === undefined && { invalidCachedTokens: true as const }),
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
