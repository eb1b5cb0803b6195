import type { Body } from './api-format.js'
import { chat } from './chat.js'

/** Fields that a chat template does not show to the model. Ids among them would make equal prompts differ. */
const notRead = new Set([
  'role',
  'type',
  'id',
  'status',
  'call_id',
  'tool_call_id',
  'tool_use_id',
  'cache_control',
  'strict',
])

/**
 * The text of a prompt: every string and number in the given fields, in order, separated by line breaks.
 * Roles are omitted, so that a prompt has exactly as many words as its author wrote.
 */
export function promptText(body: Body, reads: readonly string[]): string {
  const found: string[] = []
  for (const field of reads) collect(body[field], found)
  return found.join('\n')
}

function collect(value: unknown, found: string[]): void {
  if (typeof value === 'string') found.push(value)
  else if (typeof value === 'number') found.push(String(value))
  else if (Array.isArray(value)) for (const item of value) collect(item, found)
  else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) if (!notRead.has(key)) collect(item, found)
  }
}

/** The words of a text, split at white space. These servers count a word as a token. */
export function words(text: string): string[] {
  return text.match(/\S+/g) ?? []
}

/**
 * The prompt in the body of a Chat Completions request, as a replica reads it. Pass it to a `PrefixCache` to compute
 * what a replica with that cache would find.
 */
export function chatPrompt(body: object): string {
  return promptText(body as Body, chat.reads)
}
