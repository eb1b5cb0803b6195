// Streams as APIs and gateways send them.

import { describe, it } from 'vitest'
import {
  CHAT,
  completed,
  delta,
  EVENTS,
  ending,
  event,
  LONG,
  last,
  MESSAGES,
  message,
  RESPONSES,
  split,
  start,
  streamed,
  USAGE,
} from './support/answers.ts'
import { type Case, check } from './support/apis.ts'
import { bodyServer } from './support/server.ts'

const server = await bodyServer()

const everyChunk = [1, 2, 3].map((n) => delta(`${n}`, { prompt_tokens: 120, completion_tokens: n }))
const typical = [delta('Hello'), delta('Grüße 🦉'), last(CHAT)].join('')

const streams: readonly Case[] = [
  ['one event a chunk', 'chat, streamed', streamed(delta('Hi'), last(CHAT)), USAGE],
  [
    'comments and keep-alives',
    'chat, streamed',
    streamed(
      ': OPENROUTER PROCESSING\n\n',
      delta('Hi'),
      ':\n\n',
      ': "usage":{"prompt_tokens":1}\n\n',
      last(CHAT),
      ': bye {\n\n',
    ),
    USAGE,
  ],
  [
    'pings of Anthropic',
    'messages, streamed',
    streamed(start(MESSAGES), event({ type: 'ping' }, 'ping'), ending({ output_tokens: 3 })),
    USAGE,
  ],
  ['CRLF', 'chat, streamed', streamed(typical.replaceAll('\n', '\r\n')), USAGE],
  ['CR', 'chat, streamed', streamed(typical.replaceAll('\n', '\r')), USAGE],
  ['split anywhere', 'chat, streamed', streamed(...split(typical)), USAGE],
  [
    'split anywhere, with CRLF',
    'messages, streamed',
    streamed(...split((start(MESSAGES) + ending({})).replaceAll('\n', '\r\n'))),
    USAGE,
  ],
  [
    'no space behind the colon, spaces in the JSON',
    'chat, streamed',
    streamed(last(CHAT).replace('data: ', 'data:').replaceAll(':{', ' : {')),
    USAGE,
  ],
  ['usage null in every chunk', 'chat, streamed', streamed(delta('a', null), delta('b', null), last(CHAT)), USAGE],
  ['usage in every chunk, as vLLM has it', 'chat, streamed', streamed(...everyChunk, last(CHAT)), USAGE],
  [
    'usage in every chunk, and cut',
    'chat, streamed',
    { pieces: everyChunk, headers: EVENTS, ending: 'breaks off' },
    { promptTokens: 120 },
  ],
  ['no [DONE]', 'chat, streamed', streamed(delta('Hi'), event({ choices: [], usage: CHAT })), USAGE],
  [
    'no line break at the end',
    'chat, streamed',
    streamed(delta('Hi'), event({ choices: [], usage: CHAT }).trimEnd()),
    USAGE,
  ],
  [
    'message_start and message_delta',
    'messages, streamed',
    streamed(start(MESSAGES), ending({ output_tokens: 3 })),
    USAGE,
  ],
  [
    'message_delta with nulls',
    'messages, streamed',
    streamed(start(MESSAGES), ending({ input_tokens: null, cache_read_input_tokens: null, output_tokens: 3 })),
    USAGE,
  ],
  [
    'message_delta that knows better',
    'messages, streamed',
    streamed(start({ input_tokens: 0, output_tokens: 0 }), ending(MESSAGES)),
    USAGE,
  ],
  [
    'message_start, and then 100 kB',
    'messages, streamed',
    streamed(
      start(MESSAGES),
      event(
        { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: LONG } },
        'content_block_delta',
      ),
      ending({ output_tokens: 3 }),
    ),
    USAGE,
  ],
  [
    'response.completed',
    'responses, streamed',
    streamed(
      event({ type: 'response.created', response: { usage: null } }),
      completed({ output: [message('Hi')], usage: RESPONSES }),
    ),
    USAGE,
  ],
  [
    'response.completed of 500 kB',
    'responses, streamed',
    streamed(
      completed({
        output: [message(LONG)],
        tools: [{ parameters: { properties: { usage: { type: 'object' } } } }],
        usage: RESPONSES,
        user: null,
        metadata: { usage: '{"usage":{}}' },
      }),
    ),
    USAGE,
  ],
  [
    'a long stream',
    'chat, streamed',
    streamed(...Array.from({ length: 40 }, () => delta(LONG.slice(0, 5_000))), last(CHAT)),
    USAGE,
  ],
]

describe.each(Object.entries({ streams }))('%s', (_, cases) => {
  it.each(cases)('%s: %s', (...each) => check(server, each))
})
