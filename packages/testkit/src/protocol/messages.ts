import type { Message, RawMessageStreamEvent } from '@anthropic-ai/sdk/resources/messages'
import type { ApiFormat, Event, Reply } from './api-format.js'

/** Anthropic Messages. */
export const messages: ApiFormat = {
  reads: ['tools', 'system', 'messages'],

  plain: (reply): object => ({
    ...message(reply),
    content: [
      ...(reply.pieces.length > 0 ? [{ type: 'text', text: reply.pieces.join(''), citations: null }] : []),
      ...(reply.call ? [{ ...toolUse(reply, reply.call.name), input: JSON.parse(reply.call.arguments) }] : []),
    ],
    stop_reason: stopReason(reply),
  }),

  *events(reply): Iterable<Event> {
    yield event({ type: 'message_start', message: { ...message(reply), usage: usage(reply, 0) } })
    let index = 0
    if (reply.pieces.length > 0) {
      yield event({ type: 'content_block_start', index, content_block: { type: 'text', text: '', citations: null } })
      for (const text of reply.pieces) {
        yield { ...event({ type: 'content_block_delta', index, delta: { type: 'text_delta', text } }), piece: true }
      }
      yield event({ type: 'content_block_stop', index })
      index += 1
    }
    if (reply.call) {
      const { name, arguments: partial_json } = reply.call
      yield event({ type: 'content_block_start', index, content_block: toolUse(reply, name) })
      yield event({ type: 'content_block_delta', index, delta: { type: 'input_json_delta', partial_json } })
      yield event({ type: 'content_block_stop', index })
    }
    yield json('message_delta', {
      type: 'message_delta',
      delta: { stop_reason: stopReason(reply), stop_sequence: null },
      usage: usage(reply, reply.usage.output),
    })
    yield event({ type: 'message_stop' })
  },
}

const event = (value: RawMessageStreamEvent): Event => json(value.type, value)
const json = (name: string, value: object): Event => ({ event: name, data: JSON.stringify(value) })
const stopReason = (reply: Reply) => (reply.call ? ('tool_use' as const) : ('end_turn' as const))

function message(reply: Reply): Message {
  return {
    id: `msg_${reply.id}`,
    type: 'message',
    role: 'assistant',
    model: reply.request.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: usage(reply, reply.usage.output),
  } as unknown as Message
}

/** Anthropic reports cached tokens separately from `input_tokens`. */
function usage({ usage: { input, cached } }: Reply, output: number): Message['usage'] {
  return {
    input_tokens: input - cached,
    cache_read_input_tokens: cached,
    cache_creation_input_tokens: 0,
    output_tokens: output,
  } as Message['usage']
}

function toolUse(reply: Reply, name: string) {
  return { type: 'tool_use' as const, id: `toolu_${reply.id}`, name, input: {}, caller: { type: 'direct' as const } }
}
