// What a provider itself says about its cache, in the answer to a call that asked for it. This is input from the network.

/** A provider's own verdict about one call. */
export interface Diagnosis {
  /** Whether the call could use the cache that the one before it left. Undefined if the provider cannot tell. */
  readonly hit: boolean | undefined
  /** The provider's word for it: `tools_changed`, `prompt_cache_key_changed`, `previous_message_not_found` and so on. */
  readonly reason: string | undefined
  /** How many tokens were not found because of it, as the provider estimates. */
  readonly missedTokens: number | undefined
}

/** What an answer says: its id, and the verdict if there is one. */
export interface Answered {
  readonly id: string | undefined
  readonly diagnosis: Diagnosis | undefined
}

const ID = /^[\w-]{1,128}$/
const REASON = /^[a-z0-9_]{1,64}$/
// An event that is longer is not parsed.
const MAX_EVENT = 2 ** 20

/** What a reader got of a body: text whose middle may be missing, or parsed JSON. */
export type BodyRead = { readonly text: string } | { readonly json: unknown }

/** Reads an answer of OpenAI's Responses or Anthropic's Messages. */
export function answeredBy(read: BodyRead): Answered {
  return 'json' in read ? answeredOf(read.json) : answeredIn(read.text)
}

/** Plain, or as events. */
function answeredIn(text: string): Answered {
  if (/^\s*\{/.test(text)) return answeredOf(parsed(text))
  let found: Answered = { id: undefined, diagnosis: undefined }
  for (const line of text.split(/[\r\n]+/)) {
    if (!/^data: *\{/.test(line) || !/"(id|prompt_cache_diagnostics|diagnostics)"/.test(line)) continue
    const event: { response?: unknown; message?: unknown } = Object(parsed(line.slice(5)))
    // Anthropic's last event has what was not known at the first.
    const { id, diagnosis } = answeredOf(event.response ?? event.message ?? { ...event, id: undefined })
    found = { id: found.id ?? id, diagnosis: diagnosis ?? found.diagnosis }
  }
  return found
}

function answeredOf(json: unknown): Answered {
  const { id, prompt_cache_diagnostics: verdict, diagnostics }: Readonly<Record<string, unknown>> = Object(json)
  const diagnosis = verdict === undefined ? messagesDiagnosis(diagnostics) : responsesDiagnosis(verdict)
  return { id: typeof id === 'string' && ID.test(id) ? id : undefined, diagnosis }
}

function responsesDiagnosis(value: unknown): Diagnosis | undefined {
  const { type, reason, cache_missed_tokens: missed }: Readonly<Record<string, unknown>> = Object(value)
  if (type === 'cache_hit') return { hit: true, reason: undefined, missedTokens: undefined }
  if (type === 'cache_miss') return { hit: false, reason: word(reason), missedTokens: count(missed) }
  const known = word(type)
  return known === undefined ? undefined : { hit: undefined, reason: known, missedTokens: undefined }
}

const UNKNOWN = ['unavailable', 'previous_message_not_found']

function messagesDiagnosis(value: unknown): Diagnosis | undefined {
  const { type, cache_missed_input_tokens: missed }: Readonly<Record<string, unknown>> = Object(
    Object(value).cache_miss_reason,
  )
  // Null means that it was not known yet, and not that there was no miss.
  const reason = word(type)
  if (reason === undefined) return undefined
  return { hit: UNKNOWN.includes(reason) ? undefined : false, reason, missedTokens: count(missed) }
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' && REASON.test(value) ? value : undefined
}

function count(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined
}

function parsed(text: string): unknown {
  if (text.length > MAX_EVENT) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
