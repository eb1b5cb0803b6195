// Each API has words of its own for the same two numbers, and counts by rules of its own.

import { gzipSync } from 'node:zlib'
import { describe, it } from 'vitest'
import {
  CHAT,
  chat,
  delta,
  EVENTS,
  event,
  JSONS,
  last,
  MESSAGES,
  message,
  plain,
  RESPONSES,
  SPOOF,
  streamed,
  USAGE,
} from './support/answers.ts'
import { type Case, check } from './support/apis.ts'
import { bodyServer } from './support/server.ts'

const server = await bodyServer()

const typical = [delta('Hello'), delta('Grüße 🦉'), last(CHAT)].join('')

const words: readonly Case[] = [
  ['OpenAI’s', 'chat', chat(CHAT), USAGE],
  [
    'OpenAI’s, nothing cached',
    'chat',
    chat({ ...CHAT, prompt_tokens_details: { cached_tokens: 0 } }),
    { promptTokens: 120, cachedTokens: 0 },
  ],
  [
    'vLLM’s without --enable-prompt-tokens-details',
    'chat',
    chat({ ...CHAT, prompt_tokens_details: null }),
    { promptTokens: 120 },
  ],
  [
    'DeepSeek’s',
    'chat',
    chat({ prompt_tokens: 120, prompt_cache_hit_tokens: 100, prompt_cache_miss_tokens: 20 }),
    USAGE,
  ],
  ['Moonshot’s', 'chat', chat({ prompt_tokens: 120, cached_tokens: 100 }), USAGE],
  [
    'LiteLLM’s of an Anthropic model',
    'chat',
    chat({ ...CHAT, cache_read_input_tokens: 100, cache_creation_input_tokens: 5 }),
    USAGE,
  ],
  [
    'Groq’s, in a stream',
    'chat, streamed',
    streamed(delta('Hi'), event({ choices: [], x_groq: { id: 'req', usage: CHAT } })),
    USAGE,
  ],
  ['OpenAI’s of Responses', 'responses', plain({ output: [message('Hi')], usage: RESPONSES }), USAGE],
  ['Anthropic’s', 'messages', plain({ type: 'message', content: [], usage: MESSAGES }), USAGE],
  [
    'Anthropic’s, nothing cached',
    'messages',
    plain({ content: [], usage: { ...MESSAGES, cache_read_input_tokens: 0 } }),
    { promptTokens: 20, cachedTokens: 0 },
  ],
  [
    'Anthropic’s, of who does not cache',
    'messages',
    plain({ content: [], usage: { input_tokens: 120, output_tokens: 1 } }),
    { promptTokens: 120 },
  ],
  [
    'an object with spaces',
    'chat',
    { pieces: [JSON.stringify({ choices: [], usage: CHAT }, null, 2)], headers: JSONS },
    USAGE,
  ],
  [
    'an object before which a gateway has kept the line alive',
    'chat',
    { pieces: ['\n', ' \n', JSON.stringify({ usage: CHAT })], headers: JSONS },
    USAGE,
  ],
  ['usage first, as Mistral has it', 'chat', plain({ usage: CHAT, choices: [{ message: { content: SPOOF } }] }), USAGE],
]

const packed: readonly Case[] = [
  [
    'an object',
    'chat',
    {
      pieces: [gzipSync(JSON.stringify({ choices: [], usage: CHAT }))],
      headers: { ...JSONS, 'content-encoding': 'gzip' },
    },
    USAGE,
  ],
  [
    'a stream',
    'chat, streamed',
    { pieces: [gzipSync(typical)], headers: { ...EVENTS, 'content-encoding': 'gzip' } },
    USAGE,
  ],
]

describe.each(Object.entries({ words, packed }))('%s', (_, cases) => {
  it.each(cases)('%s: %s', (...each) => check(server, each))
})
