// Token counts in answers, in the formats of the APIs. This is input from the network: an invalid count is ignored.

/** Token counts of the prompt of one call. */
export interface Usage {
  /** The whole prompt, including cached tokens, also where the API counts those separately. */
  readonly promptTokens: number
  /** How many of them were read from a cache. Absent if the API does not report it, which is not the same as 0. */
  readonly cachedTokens?: number
}

/** The usage in the JSON of an answer. */
export function usageIn(json: unknown): Usage | undefined {
  return totalOf(countsIn(json))
}

/** Characters to search at the beginning and the end of a streamed body, where APIs report usage. */
export const HEAD = 16_384
export const TAIL = 32_768
// Characters to search at the end of a JSON object. No model gives a longer answer.
const MAX_OBJECT = 2 ** 20
// Of the events with a usage, this many are parsed at the beginning, and as many at the end.
const MAX_EVENTS = 10
// Greedy, so that it finds the last one.
const LAST_USAGE = /^.*("usage"\s*:\s*\{)/s

/**
 * The usage in the text of an answer, which may lack its middle: a JSON object, or server-sent events. Accepts any text of any
 * length. Only a bounded part is parsed, and a usage outside of it is not found.
 */
export function usageInText(text: string): Usage | undefined {
  const isOne = /^\s*\{/.test(text.slice(0, HEAD))
  const documents = isOne ? [text.slice(-MAX_OBJECT)] : endsOf(text).split(/[\r\n]+/)
  // The last usage of each document. If counts are reported in parts, or repeatedly, the last value counts.
  const places = documents.flatMap((document) => {
    const [upTo = '', place = ''] = LAST_USAGE.exec(document) ?? []
    return place === '' ? [] : [document.slice(upTo.length - place.length)]
  })
  const parsed = [...places.slice(0, MAX_EVENTS), ...places.slice(MAX_EVENTS).slice(-MAX_EVENTS)]
  return totalOf(Object.assign({}, ...parsed.map((rest) => countsIn(parsedFrom(rest)))))
}

function endsOf(text: string): string {
  return text.length <= HEAD + 2 * TAIL ? text : `${text.slice(0, HEAD)}\n${text.slice(-2 * TAIL)}`
}

// The text after a usage must close only what an API has opened around it: the answer, and in an event of a stream its
// `response` or `message`. So the argument of a tool with the same name is not a usage, whatever comes before it.
function parsedFrom(rest: string): unknown {
  for (const opened of ['{', '{"response":{']) {
    try {
      return JSON.parse(opened + rest)
    } catch {}
  }
  return undefined
}

/** The counts that an API reports, by their meaning. */
interface Counts {
  prompt?: number
  /** The whole prompt in OpenAI's Responses. Anthropic excludes what was read from a cache or written into one. */
  input?: number
  cached?: number
  read?: number
  written?: number
}

function countsIn(json: unknown): Counts {
  const counts: Counts = {}
  if (typeof json !== 'object' || json === null) return counts
  // Not spread: a body may have more values than a call can have arguments.
  for (const value of Object.values(json)) addCounts(counts, value)
  addCounts(counts, json)
  return counts
}

function addCounts(counts: Counts, value: unknown): void {
  if (typeof value !== 'object' || value === null || !('usage' in value)) return
  const usage: Readonly<Record<string, unknown>> = Object(value.usage)
  const details: Readonly<Record<string, unknown>> = Object(usage.prompt_tokens_details ?? usage.input_tokens_details)
  const cached = details.cached_tokens ?? usage.prompt_cache_hit_tokens ?? usage.cached_tokens
  if (isCount(usage.prompt_tokens)) counts.prompt = usage.prompt_tokens
  if (isCount(usage.input_tokens)) counts.input = usage.input_tokens
  if (isCount(cached)) counts.cached = cached
  if (isCount(usage.cache_read_input_tokens)) counts.read = usage.cache_read_input_tokens
  if (isCount(usage.cache_creation_input_tokens)) counts.written = usage.cache_creation_input_tokens
}

// No prompt has more than a billion.
function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 1e9
}

function totalOf({ prompt, input, cached, read, written }: Counts): Usage | undefined {
  const promptTokens = prompt ?? (input === undefined ? undefined : input + (read ?? 0) + (written ?? 0))
  const cachedTokens = cached ?? read
  if (promptTokens === undefined) return undefined
  return cachedTokens === undefined || cachedTokens > promptTokens ? { promptTokens } : { promptTokens, cachedTokens }
}
