import type { ChatCompletion, ChatCompletionChunk } from 'openai/resources'
import { type ApiFormat, type Event, isObject, type Reply } from './api-format.js'

/** OpenAI Chat Completions, also used by Azure, Groq, Together, vLLM and LiteLLM. */
export const chat: ApiFormat = {
  reads: ['tools', 'messages'],

  plain: (reply): object =>
    ({
      id: `chatcmpl-${reply.id}`,
      object: 'chat.completion',
      created: reply.created,
      model: reply.request.model,
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: reply.pieces.join('') || null,
            refusal: null,
            ...(reply.call && { tool_calls: [{ id: `call_${reply.id}`, type: 'function', function: reply.call }] }),
          },
          logprobs: null,
          finish_reason: reply.call ? 'tool_calls' : 'stop',
        },
      ],
      usage: usage(reply),
    }) satisfies ChatCompletion,

  *events(reply): Iterable<Event> {
    const wantsUsage = includesUsage(reply)
    yield chunk(reply, wantsUsage, { role: 'assistant', content: '', refusal: null })
    for (const content of reply.pieces) yield { ...chunk(reply, wantsUsage, { content }), piece: true }
    if (reply.call) {
      const { name, arguments: written } = reply.call
      const named = { index: 0, id: `call_${reply.id}`, type: 'function' as const, function: { name, arguments: '' } }
      yield chunk(reply, wantsUsage, { tool_calls: [named] })
      yield chunk(reply, wantsUsage, { tool_calls: [{ index: 0, function: { arguments: written } }] })
    }
    yield chunk(reply, wantsUsage, {}, reply.call ? 'tool_calls' : 'stop')
    if (wantsUsage) yield json({ ...head(reply), choices: [], usage: usage(reply) })
    yield { data: '[DONE]' }
  },
}

type Choice = ChatCompletionChunk['choices'][number]

function chunk(reply: Reply, wantsUsage: boolean, delta: Choice['delta'], end: Choice['finish_reason'] = null): Event {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: end }]
  return json({ ...head(reply), choices, ...(wantsUsage && { usage: null }) })
}

const json = (value: ChatCompletionChunk): Event => ({ data: JSON.stringify(value) })

function head(reply: Reply) {
  return {
    id: `chatcmpl-${reply.id}`,
    object: 'chat.completion.chunk' as const,
    created: reply.created,
    model: reply.request.model,
  }
}

function includesUsage(reply: Reply): boolean {
  const options = reply.request.body.stream_options
  return isObject(options) && options.include_usage === true
}

function usage({ usage: { input, cached, output } }: Reply) {
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cached, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0 },
  }
}
