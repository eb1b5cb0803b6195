import Anthropic from '@anthropic-ai/sdk'
import type { Fetch } from 'llm-affinity'
import OpenAI from 'openai'

export type Api = 'openai' | 'anthropic'

export interface Message {
  readonly role: 'user' | 'assistant'
  readonly content: string
}

/** One event of a streamed answer. */
export interface StreamEvent {
  readonly text: string
  /** The usage that the API reported in this event, as it came. */
  readonly usage?: unknown
  /** Whether this event marks a complete answer. */
  readonly last?: boolean
}

/** An SDK client for one conversation. */
export interface ApiClient {
  /** Makes a streaming call. */
  stream(messages: readonly Message[], form: number, signal: AbortSignal): AsyncIterable<StreamEvent>
  /** The models that the gateway lists. */
  models(signal: AbortSignal): Promise<readonly string[]>
}

export type Wrap = <Client extends object>(client: Client) => Client

export interface ApiAdapter {
  /** The number of request forms it can use: servers reject different fields. */
  readonly requestForms: number
  /** A client of the real SDK that sends through this fetch. */
  connect(fetch: Fetch, wrap: Wrap): ApiClient
}

export interface AdapterOptions {
  readonly baseUrl: string
  readonly apiKey: string
  readonly model: string
}

/** The most tokens of an answer. One word is enough. */
export const MAX_TOKENS = 16
const USAGE = { stream_options: { include_usage: true } }
const OPENAI_FORMS = [
  { max_tokens: MAX_TOKENS, ...USAGE },
  { max_completion_tokens: MAX_TOKENS, ...USAGE },
  { max_tokens: MAX_TOKENS },
  { max_completion_tokens: MAX_TOKENS },
]

function openai({ baseUrl, apiKey, model }: AdapterOptions): ApiAdapter {
  return {
    requestForms: OPENAI_FORMS.length,
    connect: (fetch, wrap) => {
      const client = wrap(new OpenAI({ baseURL: baseUrl, apiKey, fetch, maxRetries: 0 }))
      return {
        async *stream(messages, form, signal) {
          const asked = { model, messages: [...messages], stream: true as const, ...OPENAI_FORMS[form] }
          for await (const { choices, usage } of await client.chat.completions.create(asked, { signal })) {
            const [choice] = choices ?? []
            yield { text: choice?.delta?.content ?? '', usage, last: typeof choice?.finish_reason === 'string' }
          }
        },
        models: async (signal) => (await client.models.list({ signal })).data.map(({ id }) => id),
      }
    },
  }
}

function anthropic({ baseUrl, apiKey, model }: AdapterOptions): ApiAdapter {
  return {
    requestForms: 1,
    connect: (fetch, wrap) => {
      // Its client adds /v1 itself.
      const baseURL = baseUrl.replace(/\/v1$/, '')
      const client = wrap(new Anthropic({ baseURL, apiKey, fetch, maxRetries: 0 }))
      return {
        async *stream(messages, _, signal) {
          const asked = { model, max_tokens: MAX_TOKENS, messages: messages.map(cachable), stream: true as const }
          for await (const event of await client.messages.create(asked, { signal })) {
            if (event.type === 'message_start') yield { text: '', usage: event.message.usage }
            else if (event.type === 'message_delta') yield { text: '', usage: event.usage }
            else if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') yield event.delta
            else yield { text: '', last: event.type === 'message_stop' }
          }
        },
        models: async (signal) => (await client.models.list(undefined, { signal })).data.map(({ id }) => id),
      }
    },
  }
}

// Anthropic only caches what is marked.
function cachable(message: Message, at: number, all: readonly Message[]) {
  if (at < all.length - 1) return { ...message }
  const cache_control = { type: 'ephemeral' as const }
  return { role: message.role, content: [{ type: 'text' as const, text: message.content, cache_control }] }
}

/** The adapters, by API. */
export const adapters: Readonly<Record<Api, (options: AdapterOptions) => ApiAdapter>> = { openai, anthropic }
