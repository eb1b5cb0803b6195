// Answers in the words of each API.

import type { Body } from './server.ts'

export const EVENTS = { 'content-type': 'text/event-stream' }
export const JSONS = { 'content-type': 'application/json' }
export const LONG = '/* "usage": {"prompt_tokens": 7} \\" { [ 🦉 */ '.repeat(10_000)
// What a model writes when it is asked for this very thing.
export const SPOOF = '{"usage":{"prompt_tokens":1,"prompt_tokens_details":{"cached_tokens":1}}}'

export const event = (data: unknown, name?: string): string =>
  `${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`
export const delta = (content: string, usage?: unknown): string =>
  event({ choices: [{ index: 0, delta: { content } }], ...(usage !== undefined && { usage }) })
export const last = (usage: unknown): string => `${event({ choices: [], usage })}data: [DONE]\n\n`
export const chat = (usage: unknown, content = 'Hi', more: object = {}): Body =>
  plain({ choices: [{ index: 0, message: { role: 'assistant', content, ...more } }], usage })
export const streamed = (...pieces: (string | Uint8Array)[]): Body => ({ pieces, headers: EVENTS })
export const plain = (answer: unknown): Body => ({ pieces: [JSON.stringify(answer)], headers: JSONS })

export const CHAT = { prompt_tokens: 120, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 100 } }
export const MESSAGES = {
  input_tokens: 15,
  cache_read_input_tokens: 100,
  cache_creation_input_tokens: 5,
  output_tokens: 1,
}
export const RESPONSES = { input_tokens: 120, input_tokens_details: { cached_tokens: 100 }, output_tokens: 3 }
export const USAGE = { promptTokens: 120, cachedTokens: 100 }

export const start = (usage: unknown): string =>
  event({ type: 'message_start', message: { type: 'message', role: 'assistant', content: [], usage } }, 'message_start')
export const ending = (usage: unknown): string =>
  event({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage }, 'message_delta') +
  event({ type: 'message_stop' }, 'message_stop')
export const completed = (response: object): string =>
  event(
    { type: 'response.completed', response: { id: 'resp_1', ...response }, sequence_number: 9 },
    'response.completed',
  )
export const message = (text: string) => ({
  type: 'message',
  content: [{ type: 'output_text', text, annotations: [] }],
})
export const toolUse = (input: unknown) => ({ type: 'tool_use', id: 'toolu_1', name: 'save', input })

/** Each byte of it by itself would be slow; each third is not, and hits what is worth hitting. */
export function split(text: string): Uint8Array[] {
  const bytes = Buffer.from(text)
  return Array.from({ length: Math.ceil(bytes.length / 3) }, (_, i) => bytes.subarray(3 * i, 3 * i + 3))
}
