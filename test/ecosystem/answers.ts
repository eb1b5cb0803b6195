// Answers of the gateway of the matrix: a short text, or a call of the first tool where the request has tools and no result of
// one yet. As little as each client parses.

import type { ServerResponse } from 'node:http'

type Body = Readonly<Record<string, unknown>>

const TEXT = 'Received.'
const CREATED = 1_760_000_000

/** What a request asks for, in whatever format. */
interface Asked {
  readonly model: string
  readonly stream: boolean
  /** The tool that is to be called. */
  readonly tool: string | undefined
}

export function answerTo(url: string, body: unknown, response: ServerResponse): void {
  const { pathname } = new URL(url, 'http://gateway')
  const read = asked(body)
  const [, write] = FORMATS.find(([path]) => path.test(pathname)) ?? []
  if (write === undefined) {
    sendJson(response, { object: 'list', data: [{ id: 'test-model', object: 'model' }] })
    return
  }
  write(read, response, pathname, body)
}

type Write = (asked: Asked, response: ServerResponse, path: string, body: unknown) => void

const FORMATS: readonly (readonly [RegExp, Write])[] = [
  [/\/chat\/completions$/, chat],
  [/\/responses$/, responses],
  [/\/messages$/, messages],
  [/\/embeddings$/, embeddings],
  [/\/api\/chat$/, ollama],
  [/:generateContent$/, (_, response) => sendJson(response, gemini)],
  [/:streamGenerateContent$/, (_, response) => sendEvents(response, [gemini])],
  [/\/v2\/chat$/, cohere],
  [/\/model\/[^/]+\/converse$/, (_, response) => sendJson(response, converse)],
]

function asked(body: unknown): Asked {
  const { model, stream, tools } = Object(body) as Body
  const [first] = Array.isArray(tools) ? tools : []
  const { name, function: inner } = Object(first) as Body
  const hasResult = /"role":"tool"|"tool_result"|"function_call_output"|"functionResponse"/.test(JSON.stringify(body))
  const tool = hasResult ? undefined : ((name ?? Object(inner).name) as string | undefined)
  return { model: typeof model === 'string' ? model : 'test-model', stream: stream === true, tool }
}

function sendJson(response: ServerResponse, value: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

function sendEvents(response: ServerResponse, events: readonly unknown[], isNamed = false): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events) {
    if (isNamed) response.write(`event: ${(event as { type: string }).type}\n`)
    response.write(`data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`)
  }
  response.end()
}

function chat({ model, stream, tool }: Asked, response: ServerResponse): void {
  const head = { id: 'chatcmpl-1', created: CREATED, model, system_fingerprint: null }
  const usage = { prompt_tokens: 8, completion_tokens: 2, total_tokens: 10 }
  const call = { id: 'call_1', type: 'function', function: { name: tool, arguments: '{}' } }
  const finish_reason = tool === undefined ? 'stop' : 'tool_calls'
  const said = tool === undefined ? { content: TEXT } : { content: null, tool_calls: [call] }
  if (!stream) {
    const choices = [{ index: 0, message: { role: 'assistant', ...said }, finish_reason }]
    sendJson(response, { ...head, object: 'chat.completion', choices, usage })
    return
  }
  const chunk = { ...head, object: 'chat.completion.chunk' }
  const delta = tool === undefined ? { content: TEXT } : { tool_calls: [{ index: 0, ...call }] }
  sendEvents(response, [
    { ...chunk, choices: [{ index: 0, delta: { role: 'assistant', ...delta }, finish_reason: null }] },
    { ...chunk, choices: [{ index: 0, delta: {}, finish_reason }], usage },
    '[DONE]',
  ])
}

function responses({ model, stream, tool }: Asked, response: ServerResponse): void {
  const item =
    tool === undefined
      ? {
          type: 'message',
          id: 'msg_1',
          status: 'completed',
          role: 'assistant',
          content: [{ type: 'output_text', text: TEXT, annotations: [], logprobs: [] }],
        }
      : { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: tool, arguments: '{}', status: 'completed' }
  const usage = {
    input_tokens: 8,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 2,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 10,
  }
  const head = { id: 'resp_1', object: 'response', created_at: CREATED, model, tools: [], parallel_tool_calls: true }
  const completed = { ...head, status: 'completed', error: null, incomplete_details: null, output: [item], usage }
  if (!stream) {
    sendJson(response, completed)
    return
  }
  const started = { ...head, status: 'in_progress', output: [] }
  const place = { output_index: 0, item_id: item.id }
  const part = { type: 'output_text', text: '', annotations: [] }
  const middle =
    tool === undefined
      ? [
          { type: 'response.content_part.added', ...place, content_index: 0, part },
          { type: 'response.output_text.delta', ...place, content_index: 0, delta: TEXT },
          { type: 'response.output_text.done', ...place, content_index: 0, text: TEXT },
          { type: 'response.content_part.done', ...place, content_index: 0, part: { ...part, text: TEXT } },
        ]
      : [
          { type: 'response.function_call_arguments.delta', ...place, delta: '{}' },
          { type: 'response.function_call_arguments.done', ...place, arguments: '{}' },
        ]
  const events = [
    { type: 'response.created', response: started },
    {
      type: 'response.output_item.added',
      output_index: 0,
      item: { ...item, ...(tool === undefined ? { content: [] } : { arguments: '' }), status: 'in_progress' },
    },
    ...middle,
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response: completed },
  ]
  sendEvents(
    response,
    events.map((event, sequence_number) => ({ ...event, sequence_number })),
    true,
  )
}

function messages({ model, stream, tool }: Asked, response: ServerResponse): void {
  const usage = { input_tokens: 8, output_tokens: 2 }
  const block =
    tool === undefined ? { type: 'text', text: TEXT } : { type: 'tool_use', id: 'toolu_1', name: tool, input: {} }
  const stop_reason = tool === undefined ? 'end_turn' : 'tool_use'
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model, stop_sequence: null, usage }
  if (!stream) {
    sendJson(response, { ...message, content: [block], stop_reason })
    return
  }
  const delta =
    tool === undefined ? { type: 'text_delta', text: TEXT } : { type: 'input_json_delta', partial_json: '{}' }
  sendEvents(
    response,
    [
      { type: 'message_start', message: { ...message, content: [], stop_reason: null } },
      { type: 'content_block_start', index: 0, content_block: tool === undefined ? { ...block, text: '' } : block },
      { type: 'content_block_delta', index: 0, delta },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage },
      { type: 'message_stop' },
    ],
    true,
  )
}

function embeddings({ model }: Asked, response: ServerResponse, _: string, body: unknown): void {
  const { input, encoding_format } = Object(body) as Body
  const vector = new Float32Array(8)
  const embedding = encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector]
  const data = (Array.isArray(input) ? input : [input]).map((_, index) => ({ object: 'embedding', index, embedding }))
  sendJson(response, { object: 'list', model, data, usage: { prompt_tokens: 8, total_tokens: 8 } })
}

function ollama({ model, stream, tool }: Asked, response: ServerResponse): void {
  const tool_calls = tool === undefined ? undefined : [{ function: { name: tool, arguments: {} } }]
  const message = { role: 'assistant', content: tool === undefined ? TEXT : '', tool_calls }
  const answer = { model, created_at: '2026-01-01T00:00:00Z', message, done: !stream, done_reason: 'stop' }
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  response.write(`${JSON.stringify(answer)}\n`)
  if (stream)
    response.write(`${JSON.stringify({ ...answer, message: { role: 'assistant', content: '' }, done: true })}\n`)
  response.end()
}

const gemini = {
  candidates: [{ index: 0, finishReason: 'STOP', content: { role: 'model', parts: [{ text: TEXT }] } }],
  usageMetadata: { promptTokenCount: 8, candidatesTokenCount: 2, totalTokenCount: 10 },
}

const converse = {
  output: { message: { role: 'assistant', content: [{ text: TEXT }] } },
  stopReason: 'end_turn',
  usage: { inputTokens: 8, outputTokens: 2, totalTokens: 10 },
  metrics: { latencyMs: 1 },
}

function cohere({ stream }: Asked, response: ServerResponse): void {
  const usage = { billed_units: { input_tokens: 8, output_tokens: 2 }, tokens: { input_tokens: 8, output_tokens: 2 } }
  if (!stream) {
    const message = { role: 'assistant', content: [{ type: 'text', text: TEXT }] }
    sendJson(response, { id: '1', finish_reason: 'COMPLETE', message, usage })
    return
  }
  sendEvents(
    response,
    [
      { type: 'message-start', id: '1', delta: { message: { role: 'assistant', content: [], tool_calls: [] } } },
      { type: 'content-delta', index: 0, delta: { message: { content: { text: TEXT } } } },
      { type: 'message-end', id: '1', delta: { finish_reason: 'COMPLETE', usage } },
    ],
    true,
  )
}
