// Calls through SDK clients whose fetch answers in the process: what is left is the SDK's own work and what we add to it.
// The body is as small as a call can be. A real one makes the SDK's share larger, and ours smaller.

import Anthropic from '@anthropic-ai/sdk'
import { runWithSession, withAffinity } from 'llm-affinity'
import OpenAI from 'openai'
import type { Experiment, Figure } from '../pairs.ts'
import { type Conversation, checkArms, handWritten, oneByOne } from './shared.ts'

const ORIGIN = 'http://gateway.example:4000'
const TURNS = 8

function stub(answer: unknown): { fetch: typeof fetch; seen: () => Headers } {
  const text = JSON.stringify(answer)
  let headers: RequestInit['headers']
  return {
    fetch: async (_input, init) => {
      headers = init?.headers
      return new Response(text, { headers: { 'content-type': 'application/json' } })
    },
    seen: () => new Headers(headers),
  }
}

const turn: OpenAI.ChatCompletionCreateParamsNonStreaming = {
  model: 'test-model',
  messages: [
    { role: 'system', content: 'You are a helpful assistant.' },
    { role: 'user', content: 'What is the capital of France?' },
  ],
}

function stubbedOpenAI(): { client: OpenAI; seen: () => Headers } {
  const answered = { id: 'answer', object: 'chat.completion', created: 0, model: 'test-model' }
  const choices = [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Paris.' } }]
  const { fetch, seen } = stub({ ...answered, choices, usage: { prompt_tokens: 20, completion_tokens: 2 } })
  return { client: new OpenAI({ apiKey: 'test', baseURL: `${ORIGIN}/v1`, fetch }), seen }
}

const againstByHand = (name: string): readonly Figure[] => [
  { name, of: 'ours', to: 'by hand' },
  { name: `${name}-noise`, of: 'again', to: 'by hand' },
]

export async function openaiInScope(): Promise<Experiment> {
  const { client, seen } = stubbedOpenAI()
  const wrapped = withAffinity(client)
  const byHand = ({ id }: Conversation): Promise<unknown> =>
    client.chat.completions.create(turn, { headers: handWritten(id) })
  const arms = {
    'by hand': oneByOne(byHand),
    ours: oneByOne(({ session }) => runWithSession(session, () => wrapped.chat.completions.create(turn))),
    again: oneByOne(byHand),
  }
  await checkArms(arms, { 'by hand': 'key', ours: 'key', again: 'key' }, seen)
  return { arms, figures: againstByHand('openai-in-scope') }
}

export async function openaiOutOfScope(): Promise<Experiment> {
  const { client, seen } = stubbedOpenAI()
  const wrapped = withAffinity(client)
  const arms = {
    bare: oneByOne(() => client.chat.completions.create(turn)),
    ours: oneByOne(() => wrapped.chat.completions.create(turn)),
    again: oneByOne(() => client.chat.completions.create(turn)),
  }
  await checkArms(arms, { bare: '', ours: '', again: '' }, seen)
  return {
    arms,
    figures: [
      { name: 'openai-out-of-scope', of: 'ours', to: 'bare' },
      { name: 'openai-out-of-scope-noise', of: 'again', to: 'bare' },
    ],
  }
}

export async function anthropicInScope(): Promise<Experiment> {
  const { fetch, seen } = stub({
    id: 'answer',
    type: 'message',
    role: 'assistant',
    content: [{ type: 'text', text: 'Paris.' }],
    model: 'test-model',
    stop_reason: 'end_turn',
    usage: { input_tokens: 20, output_tokens: 2 },
  })
  const client = new Anthropic({ apiKey: 'test', baseURL: ORIGIN, fetch })
  const wrapped = withAffinity(client)
  const message: Anthropic.MessageCreateParamsNonStreaming = {
    model: 'test-model',
    max_tokens: 100,
    system: 'You are a helpful assistant.',
    messages: [{ role: 'user', content: 'What is the capital of France?' }],
  }
  const byHand = ({ id }: Conversation): Promise<unknown> =>
    client.messages.create(message, { headers: handWritten(id) })
  const arms = {
    'by hand': oneByOne(byHand),
    ours: oneByOne(({ session }) => runWithSession(session, () => wrapped.messages.create(message))),
    again: oneByOne(byHand),
  }
  await checkArms(arms, { 'by hand': 'key', ours: 'key', again: 'key' }, seen)
  return { arms, figures: againstByHand('anthropic-in-scope') }
}

/**
 * A client for each conversation, kept for all of its turns, against one client for all. Who keeps nothing between
 * turns, as a stateless server does, makes one for each turn.
 */
export async function withOptions(): Promise<Experiment> {
  const { client, seen } = stubbedOpenAI()
  const wrapped = withAffinity(client)
  const copyFor = ({ id }: Conversation): OpenAI => client.withOptions({ defaultHeaders: handWritten(id) })
  let kept = client
  const arms = {
    bare: oneByOne(() => client.chat.completions.create(turn)),
    ours: oneByOne(({ session }) => runWithSession(session, () => wrapped.chat.completions.create(turn))),
    'a copy a conversation': oneByOne((conversation, call) => {
      if (call % TURNS === 0) kept = copyFor(conversation)
      return kept.chat.completions.create(turn)
    }),
    'a copy a turn': oneByOne((conversation) => copyFor(conversation).chat.completions.create(turn)),
    again: oneByOne(() => client.chat.completions.create(turn)),
  }
  const sent = { bare: '', ours: 'key', 'a copy a conversation': 'key', 'a copy a turn': 'key', again: '' } as const
  await checkArms(arms, sent, seen)
  return {
    arms,
    figures: [
      { name: 'with-options', of: 'a copy a conversation', timesWhat: 'ours', addsTo: 'bare' },
      { name: 'with-options-stateless', of: 'a copy a turn', timesWhat: 'ours', addsTo: 'bare' },
      { name: 'with-options-noise', of: 'again', to: 'bare' },
    ],
  }
}
