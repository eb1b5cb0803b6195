import Anthropic from '@anthropic-ai/sdk'
import type { Fetch } from 'llm-affinity'
import OpenAI from 'openai'

/** The API that a gateway serves: OpenAI Chat Completions or Anthropic Messages. */
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

/** A form of the request: servers reject different fields. */
export interface RequestForm {
  readonly streams: boolean
  /** The fields of the body beside the model and the messages. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** An SDK client for one conversation. */
interface ApiClient {
  /** Makes a call. An answer that is not streamed is one event. */
  call(messages: readonly Message[], form: RequestForm, signal: AbortSignal): AsyncIterable<StreamEvent>
  /** The models that the gateway lists. */
  models(signal: AbortSignal): Promise<readonly string[]>
}

type Wrap = <Client extends object>(client: Client) => Client

export interface ApiAdapter {
  /** The request forms that it can use, the preferred one first. At least one streams, and one does not. */
  readonly requestForms: readonly RequestForm[]
  /** A client of the real SDK that sends through this fetch. */
  connect(fetch: Fetch, wrap: Wrap): ApiClient
}

export interface AdapterOptions {
  readonly baseUrl: string
  readonly apiKey: string
  readonly model: string
  /** Headers that every call carries. */
  readonly requestHeader?: Readonly<Record<string, string>>
}

/** The most tokens of an answer. One word is enough. */
export const MAX_TOKENS = 16
const USAGE = { stream_options: { include_usage: true } }
const LIMITS = [{ max_tokens: MAX_TOKENS }, { max_completion_tokens: MAX_TOKENS }, {}]
const OPENAI_FORMS: readonly RequestForm[] = [
  ...[USAGE, {}].flatMap((usage) => LIMITS.map((limit) => ({ streams: true, fields: { ...limit, ...usage } }))),
  ...LIMITS.map((fields) => ({ streams: false, fields })),
]

function openai({ baseUrl, apiKey, model, requestHeader: defaultHeaders }: AdapterOptions): ApiAdapter {
  return {
    requestForms: OPENAI_FORMS,
    connect: (fetch, wrap) => {
      const options = { baseURL: baseUrl, apiKey, fetch, maxRetries: 0, ...(defaultHeaders && { defaultHeaders }) }
      const client = wrap(new OpenAI(options))
      return {
        async *call(messages, { streams, fields }, signal) {
          const request = { model, messages: [...messages], ...fields }
          if (!streams) {
            const { choices, usage } = await client.chat.completions.create({ ...request, stream: false }, { signal })
            const [choice] = choices ?? []
            if (choice !== undefined) yield { text: choice.message?.content ?? '', usage, last: true }
            return
          }
          for await (const { choices, usage } of await client.chat.completions.create(
            { ...request, stream: true },
            { signal },
          )) {
            const [choice] = choices ?? []
            yield { text: choice?.delta?.content ?? '', usage, last: typeof choice?.finish_reason === 'string' }
          }
        },
        models: async (signal) => (await client.models.list({ signal })).data.map(({ id }) => id),
      }
    },
  }
}

const ANTHROPIC_FORMS: readonly RequestForm[] = [true, false].map((streams) => ({ streams, fields: {} }))

function anthropic({ baseUrl, apiKey, model, requestHeader: defaultHeaders }: AdapterOptions): ApiAdapter {
  return {
    requestForms: ANTHROPIC_FORMS,
    connect: (fetch, wrap) => {
      // Its client adds /v1 itself.
      const baseURL = baseUrl.replace(/\/v1$/, '')
      const options = { baseURL, apiKey, fetch, maxRetries: 0, ...(defaultHeaders && { defaultHeaders }) }
      const client = wrap(new Anthropic(options))
      return {
        async *call(messages, { streams }, signal) {
          const request = { model, max_tokens: MAX_TOKENS, messages: messages.map(cachable) }
          if (!streams) {
            const { content, usage } = await client.messages.create({ ...request, stream: false }, { signal })
            if (!Array.isArray(content)) return
            const text = content.map((part) => (part.type === 'text' ? part.text : '')).join('')
            yield { text, usage, last: true }
            return
          }
          for await (const event of await client.messages.create({ ...request, stream: true }, { signal })) {
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
function cachable(message: Message, index: number, all: readonly Message[]) {
  if (index < all.length - 1) return { ...message }
  const cache_control = { type: 'ephemeral' as const }
  return { role: message.role, content: [{ type: 'text' as const, text: message.content, cache_control }] }
}

/** The adapters, by API. */
export const adapters: Readonly<Record<Api, (options: AdapterOptions) => ApiAdapter>> = { openai, anthropic }
