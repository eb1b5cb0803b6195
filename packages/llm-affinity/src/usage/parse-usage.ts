// What an API reports of its tokens, in the format of each. Input from the network: a count that is not sound is ignored.

/** The prompt of one call, in tokens. */
export interface Usage {
  /** The whole prompt, cached tokens included, whatever the API counts under its own name. */
  readonly promptTokens: number
  /** How many of them came out of a cache. Absent: the API does not say, which is not the same as none. */
  readonly cachedTokens?: number
}

/** The usage in an answer's JSON. */
export function usageIn(json: unknown): Usage | undefined {
  return totalOf(countsIn(json))
}

/** The beginning of a body that is looked at, and the end of one that comes in parts: there APIs say their usage. */
export const HEAD = 16_384
export const TAIL = 32_768
// The end of a JSON object that is looked at. Whatever a model can answer is shorter.
const MAX_OBJECT = 2 ** 20
// Of the events that have a usage, so many at the beginning and at the end are parsed.
const MAX_EVENTS = 10
// Greedy, so that it finds the last one, from the end.
const LAST_USAGE = /^.*("usage"\s*:\s*\{)/s

/**
 * The usage in the text of an answer, whole or without its middle: a JSON object, or server-sent events. The text may be
 * anything, of any length. What is parsed is bounded, and what lies beyond counts as not there.
 */
export function usageInText(text: string): Usage | undefined {
  const isOne = /^\s*\{/.test(text.slice(0, HEAD))
  const documents = isOne ? [text.slice(-MAX_OBJECT)] : endsOf(text).split(/[\r\n]+/)
  // The last place of each document. What comes in parts, or again and again, counts as it was said last.
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

// What stands behind a usage must close no more than an API has opened there: the answer, and in an event of a stream the
// `response` or `message` in it. So a tool's argument of the same name is none, and what stands before it is no matter.
function parsedFrom(rest: string): unknown {
  for (const opened of ['{', '{"response":{']) {
    try {
      return JSON.parse(opened + rest)
    } catch {}
  }
  return undefined
}

/** The counts that an API gives, by what they are. */
interface Counts {
  prompt?: number
  /** The whole prompt too, of OpenAI's Responses; Anthropic counts apart what it read from a cache or wrote into one. */
  input?: number
  cached?: number
  read?: number
  written?: number
}

function countsIn(json: unknown): Counts {
  const counts: Counts = {}
  if (typeof json !== 'object' || json === null) return counts
  // Never spread: a body may hold more values than a call takes arguments.
  for (const value of Object.values(json)) addCounts(counts, value)
  addCounts(counts, json)
  return counts
}

function addCounts(counts: Counts, value: unknown): void {
  if (typeof value !== 'object' || value === null || !('usage' in value)) return
  const said: Readonly<Record<string, unknown>> = Object(value.usage)
  const details: Readonly<Record<string, unknown>> = Object(said.prompt_tokens_details ?? said.input_tokens_details)
  const cached = details.cached_tokens ?? said.prompt_cache_hit_tokens ?? said.cached_tokens
  if (isCount(said.prompt_tokens)) counts.prompt = said.prompt_tokens
  if (isCount(said.input_tokens)) counts.input = said.input_tokens
  if (isCount(cached)) counts.cached = cached
  if (isCount(said.cache_read_input_tokens)) counts.read = said.cache_read_input_tokens
  if (isCount(said.cache_creation_input_tokens)) counts.written = said.cache_creation_input_tokens
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
