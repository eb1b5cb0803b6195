import Anthropic from '@anthropic-ai/sdk'
import { type AffinityOptions, withAffinity } from 'llm-affinity'
import OpenAI from 'openai'
import { API_KEY } from './api-key.ts'
import type { Program } from './program.ts'

export interface Message {
  readonly role: 'user' | 'assistant'
  readonly content: string
}

/** One way to take a turn of a conversation, over a real SDK. */
export interface Speaker {
  readonly name: string
  /** Sends these messages, reads the answer to its end, and gives it with the headers that it came with. */
  say(messages: readonly Message[]): Promise<Reply>
}

interface Reply {
  readonly text: string
  readonly headers: Headers
}

const MODEL = 'test-model'

/**
 * All ways to speak to a gateway, plain and streamed.
 *
 * @param origin The gateway's.
 * @param affinity What the clients are wrapped with. Left out: they are bare.
 */
export function speakersTo(origin: string, speaks: Program['speaks'], affinity?: AffinityOptions): readonly Speaker[] {
  const wrap = <Client extends object>(client: Client): Client =>
    affinity === undefined ? client : withAffinity(client, affinity)
  const all = {
    openai: () => overOpenAI(wrap(new OpenAI({ baseURL: `${origin}/v1`, apiKey: API_KEY }))),
    anthropic: () => overAnthropic(wrap(new Anthropic({ baseURL: origin, apiKey: API_KEY }))),
  }
  return speaks.flatMap((api) => all[api]())
}

function overOpenAI(client: OpenAI): Speaker[] {
  const { completions } = client.chat
  return [
    {
      name: 'OpenAI',
      say: async (messages) => {
        const { data, response } = await completions.create({ model: MODEL, messages: [...messages] }).withResponse()
        return { text: data.choices[0]?.message.content ?? '', headers: response.headers }
      },
    },
    {
      name: 'OpenAI, streamed',
      say: async (messages) => {
        const asked = completions.create({ model: MODEL, messages: [...messages], stream: true })
        const { data, response } = await asked.withResponse()
        let text = ''
        for await (const { choices } of data) text += choices[0]?.delta.content ?? ''
        return { text, headers: response.headers }
      },
    },
  ]
}

function overAnthropic(client: Anthropic): Speaker[] {
  const ask = (messages: readonly Message[]) => ({ model: MODEL, max_tokens: 64, messages: [...messages] })
  return [
    {
      name: 'Anthropic',
      say: async (messages) => {
        const { data, response } = await client.messages.create(ask(messages)).withResponse()
        const text = data.content.map((block) => (block.type === 'text' ? block.text : '')).join('')
        return { text, headers: response.headers }
      },
    },
    {
      name: 'Anthropic, streamed',
      say: async (messages) => {
        const { data, response } = await client.messages.create({ ...ask(messages), stream: true }).withResponse()
        let text = ''
        for await (const event of data) {
          if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text
        }
        return { text, headers: response.headers }
      },
    },
  ]
}
