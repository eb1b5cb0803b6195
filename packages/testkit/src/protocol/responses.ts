import type { Response, ResponseOutputItem, ResponseStreamEvent } from 'openai/resources/responses/responses'
import type { ApiFormat, Event, Reply } from './api-format.js'

/** OpenAI Responses. */
export const responses: ApiFormat = {
  reads: ['tools', 'instructions', 'input'],

  plain: (reply): object =>
    ({ ...response(reply, 'completed'), output_text: reply.pieces.join('') }) satisfies Response,

  *events(reply): Iterable<Event> {
    let sequence = 0
    const event = (value: Numberless<ResponseStreamEvent>): Event => ({
      event: value.type,
      data: JSON.stringify({ ...value, sequence_number: sequence++ }),
    })
    yield event({ type: 'response.created', response: response(reply, 'in_progress') })
    yield event({ type: 'response.in_progress', response: response(reply, 'in_progress') })
    for (const [index, item] of output(reply, 'in_progress').entries()) {
      yield event({ type: 'response.output_item.added', output_index: index, item })
      if (item.type === 'message') {
        const position = { item_id: item.id, output_index: index, content_index: 0 }
        const text = reply.pieces.join('')
        yield event({ type: 'response.content_part.added', ...position, part: outputText('') })
        for (const delta of reply.pieces) {
          yield { ...event({ type: 'response.output_text.delta', ...position, delta, logprobs: [] }), piece: true }
        }
        yield event({ type: 'response.output_text.done', ...position, text, logprobs: [] })
        yield event({ type: 'response.content_part.done', ...position, part: outputText(text) })
      } else if (reply.call) {
        const position = { item_id: `fc_${reply.id}`, output_index: index }
        yield event({ type: 'response.function_call_arguments.delta', ...position, delta: reply.call.arguments })
        yield event({ type: 'response.function_call_arguments.done', ...position, ...reply.call })
      }
      const done = output(reply, 'completed')[index]
      if (done) yield event({ type: 'response.output_item.done', output_index: index, item: done })
    }
    yield event({ type: 'response.completed', response: response(reply, 'completed') })
  },
}

type Numberless<T> = T extends { sequence_number: number } ? Omit<T, 'sequence_number'> : never
type Status = 'in_progress' | 'completed'

function response(reply: Reply, status: Status): Response {
  const { input, cached, output: written } = reply.usage
  const sent: Omit<Response, 'output_text' | 'access_programs'> = {
    id: `resp_${reply.id}`,
    object: 'response',
    created_at: reply.created,
    status,
    model: reply.request.model,
    output: status === 'completed' ? output(reply, status) : [],
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    ...(status === 'completed' && {
      usage: {
        input_tokens: input,
        input_tokens_details: { cached_tokens: cached, cache_write_tokens: 0 },
        output_tokens: written,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: input + written,
      },
    }),
  }
  // The API sends neither omitted field here: the SDK computes `output_text`, `access_programs` depends on the account.
  return sent as Response
}

function output(reply: Reply, status: Status): ResponseOutputItem[] {
  const done = status === 'completed'
  const items: ResponseOutputItem[] = []
  if (reply.pieces.length > 0) {
    const content = done ? [outputText(reply.pieces.join(''))] : []
    items.push({ id: `msg_${reply.id}`, type: 'message', role: 'assistant', status, content })
  }
  if (reply.call) {
    const { name, arguments: written } = reply.call
    const ids = { id: `fc_${reply.id}`, call_id: `call_${reply.id}` }
    items.push({ type: 'function_call', ...ids, name, arguments: done ? written : '', status })
  }
  return items
}

const outputText = (text: string) => ({ type: 'output_text' as const, text, annotations: [], logprobs: [] })
