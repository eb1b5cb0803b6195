import Anthropic from '@anthropic-ai/sdk'
import type { Fetch } from 'llm-affinity'
import OpenAI from 'openai'

export type Api = 'openai' | 'anthropic'

export interface Message {
  readonly role: 'user' | 'assistant'
  readonly content: string
}

/** One event of a streamed answer. */
export interface Event {
  readonly text: string
  /** What the API said of its tokens here, as it said it. */
  readonly usage?: unknown
  /** This is how a whole answer ends. */
  readonly last?: boolean
}

/** A conversation's own client of an SDK. */
export interface Line {
  /** Asks for a stream. */
  say(messages: readonly Message[], form: number, signal: AbortSignal): AsyncIterable<Event>
  /** The models that the gateway lists. */
  models(signal: AbortSignal): Promise<readonly string[]>
}

export type Wrap = <Client extends object>(client: Client) => Client

export interface Speaker {
  /** In how many forms it can ask: servers differ in the fields that they refuse. */
  readonly forms: number
  /** A real client of the SDK, as it comes, over this fetch. */
  connect(fetch: Fetch, wrap: Wrap): Line
}

export interface SpeakerOptions {
  readonly baseUrl: string
  readonly apiKey: string
  readonly model: string
}

/** What an answer may have: a word is enough. */
export const MAX_TOKENS = 16
const USAGE = { stream_options: { include_usage: true } }
const OPENAI_FORMS = [
  { max_tokens: MAX_TOKENS, ...USAGE },
  { max_completion_tokens: MAX_TOKENS, ...USAGE },
  { max_tokens: MAX_TOKENS },
  { max_completion_tokens: MAX_TOKENS },
]

function openai({ baseUrl, apiKey, model }: SpeakerOptions): Speaker {
  return {
    forms: OPENAI_FORMS.length,
    connect: (fetch, wrap) => {
      const client = wrap(new OpenAI({ baseURL: baseUrl, apiKey, fetch, maxRetries: 0 }))
      return {
        async *say(messages, form, signal) {
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

function anthropic({ baseUrl, apiKey, model }: SpeakerOptions): Speaker {
  return {
    forms: 1,
    connect: (fetch, wrap) => {
      // Its client adds /v1 by itself.
      const baseURL = baseUrl.replace(/\/v1$/, '')
      const client = wrap(new Anthropic({ baseURL, apiKey, fetch, maxRetries: 0 }))
      return {
        async *say(messages, _, signal) {
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

// Anthropic caches nothing that it was not told to.
function cachable(message: Message, at: number, all: readonly Message[]) {
  if (at < all.length - 1) return { ...message }
  const cache_control = { type: 'ephemeral' as const }
  return { role: message.role, content: [{ type: 'text' as const, text: message.content, cache_control }] }
}

/** Who speaks an API. */
export const speakers: Readonly<Record<Api, (options: SpeakerOptions) => Speaker>> = { openai, anthropic }
