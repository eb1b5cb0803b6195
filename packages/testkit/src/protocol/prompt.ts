import { chat } from './chat.js'
import type { Body } from './dialect.js'

/** Bookkeeping of the APIs: a chat template never shows it to the model, and ids would make equal prompts differ. */
const unread = new Set([
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
 * The text of a prompt: every text and number in the given fields, in order, parted by one line break each.
 * Roles are left out, so that a prompt has exactly as many words as its author wrote.
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
    for (const [key, item] of Object.entries(value)) if (!unread.has(key)) collect(item, found)
  }
}

/** The words of a text: what stands between white space. A word is what these servers count as a token. */
export function words(text: string): string[] {
  return text.match(/\S+/g) ?? []
}

/**
 * The prompt in the body of a Chat Completions request, as a replica reads it: what to give to a `PrefixCache` to know
 * what a replica with that cache would have found.
 */
export function chatPrompt(body: object): string {
  return promptText(body as Body, chat.reads)
}
