// What only looks like usage, what cannot be, and what is not there.

import { describe, it } from 'vitest'
import {
  CHAT,
  chat,
  delta,
  EVENTS,
  ending,
  event,
  JSONS,
  MESSAGES,
  plain,
  RESPONSES,
  SPOOF,
  start,
  streamed,
  toolUse,
  USAGE,
} from './support/answers.ts'
import { type Case, check } from './support/apis.ts'
import { bodyServer } from './support/server.ts'

const server = await bodyServer()

const impostors: readonly Case[] = [
  ['in text', 'chat', chat(CHAT, SPOOF), USAGE],
  ['in text, where the API says nothing', 'chat', chat(undefined, SPOOF), undefined],
  [
    'in streamed text',
    'chat, streamed',
    streamed(delta(SPOOF), delta(`\\${SPOOF}`), delta(`\n\ndata: ${SPOOF}\n\n`)),
    undefined,
  ],
  [
    'in a tool’s arguments',
    'chat',
    chat(CHAT, '', { tool_calls: [{ id: 'a', type: 'function', function: { name: 'save', arguments: SPOOF } }] }),
    USAGE,
  ],
  [
    'in a tool’s input, which is no string',
    'messages',
    plain({ content: [toolUse(JSON.parse(SPOOF))], usage: MESSAGES }),
    USAGE,
  ],
  [
    'in a tool’s input, where the API says nothing',
    'messages',
    plain({ content: [toolUse(JSON.parse(SPOOF))] }),
    undefined,
  ],
  [
    'in a tool’s streamed input',
    'messages, streamed',
    streamed(
      start(MESSAGES),
      event(
        { type: 'content_block_start', index: 0, content_block: toolUse(JSON.parse(SPOOF)) },
        'content_block_start',
      ),
      event(
        { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: SPOOF } },
        'content_block_delta',
      ),
      ending({ output_tokens: 3 }),
    ),
    USAGE,
  ],
  [
    'in the tools that Responses repeats',
    'responses',
    plain({ output: [], tools: [{ parameters: { usage: { input_tokens: 1 } } }], usage: RESPONSES }),
    USAGE,
  ],
  [
    'in a name with a quote',
    'messages',
    plain({ content: [], 'my "usage': { prompt_tokens: 1 }, usage: MESSAGES }),
    USAGE,
  ],
]

const nonsense: readonly Case[] = [
  [
    'text for numbers',
    'chat',
    chat({ prompt_tokens: '120', prompt_tokens_details: { cached_tokens: '100' } }),
    undefined,
  ],
  [
    'text for the cached',
    'chat',
    chat({ prompt_tokens: 120, prompt_tokens_details: { cached_tokens: '100' } }),
    { promptTokens: 120 },
  ],
  ['less than nothing', 'chat', chat({ prompt_tokens: -1 }), undefined],
  [
    'less than nothing cached',
    'chat',
    chat({ ...CHAT, prompt_tokens_details: { cached_tokens: -1 } }),
    { promptTokens: 120 },
  ],
  [
    'more cached than sent',
    'chat',
    chat({ ...CHAT, prompt_tokens_details: { cached_tokens: 121 } }),
    { promptTokens: 120 },
  ],
  ['parts of a token', 'chat', chat({ prompt_tokens: 1.5 }), undefined],
  ['more than any prompt has', 'chat', chat({ prompt_tokens: 1e300 }), undefined],
  ['more than any prompt has, as a whole number', 'chat', chat({ prompt_tokens: Number.MAX_SAFE_INTEGER }), undefined],
  ['an overflow', 'messages', { pieces: ['{"content":[],"usage":{"input_tokens":1e999}}'], headers: JSONS }, undefined],
  ['NaN', 'chat', { pieces: ['{"usage":{"prompt_tokens":NaN}}'], headers: JSONS }, undefined],
  ['a list', 'chat', chat([120, 100]), undefined],
  [
    'details that are none',
    'chat',
    chat({ prompt_tokens: 120, prompt_tokens_details: 'cached_tokens' }),
    { promptTokens: 120 },
  ],
  ['an empty usage', 'chat', chat({}), undefined],
  ['a usage that does not end', 'chat', { pieces: ['{"usage":{"prompt_tokens":120'], headers: JSONS }, undefined],
  [
    'nonsense behind sound numbers',
    'messages, streamed',
    streamed(start(MESSAGES), ending({ input_tokens: 'many' })),
    USAGE,
  ],
]

const nothing: readonly Case[] = [
  ['no usage', 'chat', chat(undefined), undefined],
  ['no usage in a stream', 'chat, streamed', streamed(delta('Hi'), 'data: [DONE]\n\n'), undefined],
  ['an error that is a 200', 'chat, streamed', streamed(event({ error: { message: 'no' } })), undefined],
  [
    'a page',
    'chat',
    { pieces: ['<html>"usage":{"prompt_tokens":1}</html>'], headers: { 'content-type': 'text/html' } },
    undefined,
  ],
  ['a text', 'chat', { pieces: ['"usage":{"prompt_tokens":1}'], headers: { 'content-type': 'text/plain' } }, undefined],
  ['broken JSON', 'chat', { pieces: ['{"usage":'], headers: JSONS }, undefined],
  ['JSON that is no object', 'chat', { pieces: ['"usage"'], headers: JSONS }, undefined],
  ['an empty body', 'chat', { pieces: [], headers: JSONS }, undefined],
  ['an empty stream', 'chat, streamed', streamed(), undefined],
  ['a 204', 'chat', { pieces: [], status: 204 }, undefined],
  ['a 400', 'chat', { ...chat(undefined), status: 400 }, undefined],
  [
    'an object that breaks off',
    'chat',
    { pieces: ['{"usage":{"prompt_to'], headers: JSONS, ending: 'breaks off' },
    undefined,
  ],
  [
    'a stream that breaks off',
    'chat, streamed',
    { pieces: [delta('Hi'), 'data: {"choi'], headers: EVENTS, ending: 'breaks off' },
    undefined,
  ],
]

describe.each(Object.entries({ impostors, nonsense, nothing }))('%s', (_, cases) => {
  it.each(cases)('%s: %s', (...each) => check(server, each))
})
