// What an API says of its tokens, in the words of each. Input from the network: what is no sound count is not there.

import { valueEnd } from './body.js'

/** The prompt of one call, in tokens. */
export interface Usage {
  /** The whole prompt, cached tokens included, whatever the API counts under its own name. */
  readonly promptTokens: number
  /** How many of them came out of a cache. Absent: the API does not say, which is not the same as none. */
  readonly cachedTokens?: number
}

/** Reads an API's `usage` object: OpenAI's of Chat and of Responses, Anthropic's, and those of who speaks like them. */
export function usageOf(usage: unknown): Usage | undefined {
  const said = fields(usage)
  const read = count(said.cache_read_input_tokens)
  const written = count(said.cache_creation_input_tokens)
  const chat = count(said.prompt_tokens)
  const input = count(said.input_tokens)
  if (chat !== undefined) {
    const { cached_tokens } = fields(said.prompt_tokens_details)
    return checked(chat, count(cached_tokens) ?? count(said.prompt_cache_hit_tokens) ?? count(said.cached_tokens))
  }
  if (input === undefined) return undefined
  // Anthropic counts apart what it read from a cache and what it wrote into one.
  if (read !== undefined || written !== undefined) return checked(input + (read ?? 0) + (written ?? 0), read ?? 0)
  return checked(input, count(fields(said.input_tokens_details).cached_tokens))
}

function checked(promptTokens: number, cachedTokens: number | undefined): Usage {
  return cachedTokens === undefined || cachedTokens > promptTokens ? { promptTokens } : { promptTokens, cachedTokens }
}

function count(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

/** The usage in an answer's JSON: at the top, or of the response that an event brings. */
export function usageIn(json: unknown): Usage | undefined {
  const { usage, response } = fields(json)
  return usageOf(usage) ?? usageOf(fields(response).usage)
}

/**
 * The usage in the text of an answer, or of the ends of one: a JSON object, or server-sent events. A stream may say it in
 * parts, of which the later ones count. What the model itself writes is inside of strings, where quotes are escaped.
 */
export function usageInText(text: string): Usage | undefined {
  const found: unknown[] = []
  for (const { 0: name, index } of text.matchAll(/"usage"\s*:\s*(?=\{)/g)) {
    const from = index + name.length
    const end = valueEnd(text, from)
    try {
      if (end > from) found.push(JSON.parse(text.slice(from, end)))
    } catch {}
  }
  return usageOf(Object.assign({}, ...found))
}
