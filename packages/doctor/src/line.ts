import { type AffinityOptions, type Outcome, Session, withAffinity } from 'llm-affinity'
import { type Gateway, type GatewayName, gateways } from 'llm-affinity/gateways'
import { readUsage } from 'llm-affinity/usage'
import { before } from './before.js'
import type { Answer } from './calls.js'
import { faultOf } from './faults.js'
import type { Event, Message, Speaker } from './speakers.js'

/** Where calls go, and how. */
export interface Place {
  readonly speaker: Speaker
  /** Which of the speaker's forms the server takes. */
  readonly form: number
  /** Ends the whole run. */
  readonly signal: AbortSignal
  /** Milliseconds that one call may take. */
  readonly patience: number
  /** @default the global fetch */
  readonly send?: typeof fetch
}

/** One conversation's way to the gateway: a client of its own, with a session or bare. */
export interface Caller {
  readonly key: string | undefined
  /** Never rejects: what goes wrong is in the answer. */
  ask(messages: readonly Message[]): Promise<Answer>
}

/** What was seen of a call below the SDK and the seam. */
interface Seen {
  response?: Response
  usage?: ReturnType<typeof readUsage>
  carriers: readonly string[]
  sentHeaders: readonly string[]
  outcome?: Outcome
}

/** Which row to stamp with: one, or whichever llm-affinity takes for the URL. */
export type Stamping = Gateway | 'by host'

/** @param stamping Absent: a bare client. */
export function callerAt(place: Place, stamping?: Stamping): Caller {
  const session = stamping && new Session()
  const send = place.send ?? fetch
  let seen: Seen = { carriers: [], sentHeaders: [] }
  const line = place.speaker.connect(
    async (input, init) => {
      seen.carriers = carriersIn(init, session?.key)
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
      const patience = AbortSignal.timeout(place.patience)
      const begun = performance.now()
      const heard: Heard = { text: '', saysCached: false, events: 0, isWhole: false }
      let fault: Answer['fault']
      try {
        for await (const event of line.say(messages, place.form, AbortSignal.any([place.signal, patience]))) {
          heard.ttft ??= performance.now() - begun
          take(heard, event)
        }
        fault = unsound(seen, heard)
      } catch (error) {
        fault = place.signal.aborted
          ? { kind: 'aborted', said: 'the run had ended' }
          : faultOf(error, { answered: seen.response !== undefined, timedOut: patience.aborted })
      }
      // An answer that nobody has read says nothing of its tokens.
      const usage = fault === undefined ? await before(place.signal, seen.usage) : undefined
      return answerOf(seen, heard, usage, fault, session?.key)
    },
  }
}

// By its name where it has one: what is checked of a user's own row is not for all of ours.
function optionsFor(stamping: Stamping | undefined): Pick<AffinityOptions, 'gateway'> {
  if (stamping === undefined || stamping === 'by host') return {}
  return { gateway: isKnown(stamping.name) ? stamping.name : stamping }
}

function isKnown(name: string): name is GatewayName {
  return gateways.has(name)
}

interface Heard {
  text: string
  ttft?: number
  saysCached: boolean
  events: number
  isWhole: boolean
}

function take(heard: Heard, { text, usage, last }: Event): void {
  heard.events += 1
  heard.text += text
  heard.isWhole ||= last === true
  heard.saysCached ||= saysCached(usage)
}

function unsound({ response }: Seen, heard: Heard): Answer['fault'] {
  const type = response?.headers.get('content-type') ?? ''
  if (heard.events === 0) return { kind: 'no-llm', said: type === '' ? 'no content type' : (type.split(';')[0] ?? '') }
  return heard.isWhole ? undefined : { kind: 'cut', said: 'the stream ended before the answer did' }
}

function answerOf(
  { response, carriers, sentHeaders, outcome }: Seen,
  { text, ttft, saysCached }: Heard,
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
    ...(saysCached && usage?.cachedTokens === undefined && { nonsense: true as const }),
    ...(outcome !== undefined && { outcome }),
  }
}

function carriersIn(init: RequestInit | undefined, key: string | undefined): readonly string[] {
  if (key === undefined) return []
  const named = [...new Headers(init?.headers)].filter(([, value]) => value === key).map(([name]) => name)
  const isInBody = typeof init?.body === 'string' && init.body.includes(`"${key}"`)
  return isInBody ? [...named, 'body'] : named
}

const CACHED = ['cached_tokens', 'cache_read_input_tokens', 'prompt_cache_hit_tokens']

// Some number of cached tokens, sound or not: `readUsage` leaves out what is not.
function saysCached(usage: unknown): boolean {
  if (typeof usage !== 'object' || usage === null) return false
  return Object.entries(usage).some(([name, value]) =>
    CACHED.includes(name) ? value !== null && value !== undefined : saysCached(value),
  )
}
