// A large chat body with the field that some providers want, against the field written by hand into the object that the
// body is made of. Nothing is sent: what is measured is all that we add. Encoding belongs to it, since a string that was
// put together is copied once more when it is read.

import { withField } from '../../../packages/llm-affinity/src/stamping/json-field.ts'
import type { Experiment } from '../pairs.ts'
import { type Conversation, conversations, oneByOne } from './shared.ts'

const FIELD = 'prompt_cache_key'
const BYTES = 2_000_000
const encoder = new TextEncoder()

const prose = 'The file says "yes" in line 4,\n\tand {"nothing": ["else"]} below it. '.repeat(20)
const plain = {
  model: 'test-model',
  messages: Array.from({ length: Math.ceil(BYTES / prose.length) }, (_, i) => ({
    role: i % 2 === 0 ? 'user' : 'assistant',
    content: prose,
  })),
}
// Here the name is in a text of its own, which is not the caller's field.
const named = { ...plain, metadata: { about: FIELD } }
// Callers write their own field behind the prompts, in front of them, or, at worst, between them.
const own = { ...plain, [FIELD]: 'mine' }
const half = plain.messages.length / 2
const ownMidway = { input: plain.messages.slice(half), [FIELD]: 'mine', messages: plain.messages.slice(0, half) }

const byHand =
  (turn: object) =>
  async ({ id }: Conversation): Promise<Uint8Array> =>
    encoder.encode(JSON.stringify({ [FIELD]: id, ...turn }))
const untouched = (turn: object) => async (): Promise<Uint8Array> => encoder.encode(JSON.stringify(turn))
const ours =
  (turn: object) =>
  async ({ id }: Conversation): Promise<Uint8Array> => {
    const text = JSON.stringify(turn)
    return encoder.encode(withField(text, FIELD, JSON.stringify(id)) ?? text)
  }

export async function body(): Promise<Experiment> {
  const [conversation] = conversations
  if (conversation === undefined) throw new Error('no conversations')
  for (const [turn, other] of [
    [plain, byHand],
    [named, byHand],
    [own, untouched],
    [ownMidway, untouched],
  ] as const) {
    const [expected, got] = await Promise.all([other(turn)(conversation), ours(turn)(conversation)])
    if (Buffer.compare(expected, got) !== 0) throw new Error('Expected the same bytes of both arms, got others')
  }
  return {
    arms: {
      'by hand': oneByOne(byHand(plain)),
      ours: oneByOne(ours(plain)),
      again: oneByOne(byHand(plain)),
      named: oneByOne(ours(named)),
      own: oneByOne(ours(own)),
      'own by hand': oneByOne(untouched(own)),
      'own midway': oneByOne(ours(ownMidway)),
      'own midway by hand': oneByOne(untouched(ownMidway)),
    },
    figures: [
      { name: 'body-2mb', of: 'ours', to: 'by hand' },
      { name: 'body-2mb-noise', of: 'again', to: 'by hand' },
      { name: 'body-2mb-named', of: 'named', to: 'by hand' },
      { name: 'body-2mb-own', of: 'own', to: 'own by hand' },
      { name: 'body-2mb-own-midway', of: 'own midway', to: 'own midway by hand' },
    ],
  }
}
