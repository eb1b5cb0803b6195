// What an API says of its tokens, in the words of each. Input from the network: what is no sound count is not there.

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

const PLACE = /"usage"\s*:\s*\{/g

/** The usage in the text of an answer, whole or without its middle: a JSON object, or server-sent events. */
export function usageInText(text: string): Usage | undefined {
  const isOne = /^\s*\{/.test(text)
  const places = [...text.matchAll(PLACE)].map(({ index }) => index)
  let counts: Counts = {}
  for (const [i, place] of places.entries()) {
    const end = isOne ? text.length : lineEnd(text, place)
    // The last place of each document. What comes in parts, or again and again, counts as it was said last.
    if ((places[i + 1] ?? end) >= end) counts = { ...counts, ...countsIn(parsedFrom(text.slice(place, end))) }
  }
  return totalOf(counts)
}

function lineEnd(text: string, from: number): number {
  const length = text.slice(from).search(/[\r\n]/)
  return length < 0 ? text.length : from + length
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
  readonly prompt?: number
  /** The whole prompt too, of OpenAI's Responses; Anthropic counts apart what it read from a cache or wrote into one. */
  readonly input?: number
  readonly cached?: number
  readonly read?: number
  readonly written?: number
}

function countsIn(json: unknown): Counts {
  if (typeof json !== 'object' || json === null) return {}
  return Object.assign({}, ...[...Object.values(json), json].map((value) => countsOf(Object(value).usage)))
}

function countsOf(usage: unknown): Counts {
  const said: Readonly<Record<string, unknown>> = Object(usage)
  const details: Readonly<Record<string, unknown>> = Object(said.prompt_tokens_details ?? said.input_tokens_details)
  const counts: Readonly<Record<keyof Counts, unknown>> = {
    prompt: said.prompt_tokens,
    input: said.input_tokens,
    cached: details.cached_tokens ?? said.prompt_cache_hit_tokens ?? said.cached_tokens,
    read: said.cache_read_input_tokens,
    written: said.cache_creation_input_tokens,
  }
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => isCount(count)))
}

// More than a billion is no prompt.
function isCount(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 1e9
}

function totalOf({ prompt, input, cached, read, written }: Counts): Usage | undefined {
  const promptTokens = prompt ?? (input === undefined ? undefined : input + (read ?? 0) + (written ?? 0))
  const cachedTokens = cached ?? read
  if (promptTokens === undefined) return undefined
  return cachedTokens === undefined || cachedTokens > promptTokens ? { promptTokens } : { promptTokens, cachedTokens }
}
