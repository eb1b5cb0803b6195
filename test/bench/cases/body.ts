// A large chat body with the field that some providers want, against the field written by hand into the object that the
// body is made of. Nothing is sent: what is measured is all that we add. Encoding belongs to it, since a string that was
// put together is copied once more when it is read.

import { withField } from '../../../packages/llm-affinity/src/body.ts'
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
// Here the name stands somewhere as a text of its own, so that the caller's own field has to be looked for.
const named = { ...plain, metadata: { about: FIELD } }

const byHand =
  (turn: object) =>
  async ({ id }: Conversation): Promise<Uint8Array> =>
    encoder.encode(JSON.stringify({ [FIELD]: id, ...turn }))
const ours =
  (turn: object) =>
  async ({ id }: Conversation): Promise<Uint8Array> =>
    encoder.encode(withField(JSON.stringify(turn), FIELD, id))

export async function body(): Promise<Experiment> {
  const [conversation] = conversations
  if (conversation === undefined) throw new Error('no conversations')
  for (const turn of [plain, named]) {
    const [expected, got] = await Promise.all([byHand(turn)(conversation), ours(turn)(conversation)])
    if (Buffer.compare(expected, got) !== 0) throw new Error('Expected the same bytes of both arms, got others')
  }
  return {
    arms: {
      'by hand': oneByOne(byHand(plain)),
      ours: oneByOne(ours(plain)),
      again: oneByOne(byHand(plain)),
      named: oneByOne(ours(named)),
    },
    figures: [
      { name: 'body-2mb', of: 'ours', to: 'by hand' },
      { name: 'body-2mb-noise', of: 'again', to: 'by hand' },
      { name: 'body-2mb-named', of: 'named', to: 'by hand' },
    ],
  }
}
