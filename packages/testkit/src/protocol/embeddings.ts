import type { Dialect } from './dialect.js'

const dimensions = 8

/** OpenAI Embeddings. The vectors mean nothing; equal places in the input have equal ones. */
export const embeddings: Dialect = {
  reads: ['input'],

  plain: ({ ask, usage }): object => ({
    object: 'list',
    model: ask.model,
    data: Array.from({ length: inputs(ask.body.input) }, (_, index) => {
      const vector = Float32Array.from({ length: dimensions }, (_, axis) => (axis === index % dimensions ? 1 : 0))
      // OpenAI's client asks for base64 unless told otherwise, and decodes it itself.
      const packed = ask.body.encoding_format === 'base64'
      return {
        object: 'embedding',
        index,
        embedding: packed ? Buffer.from(vector.buffer).toString('base64') : [...vector],
      }
    }),
    usage: { prompt_tokens: usage.input, total_tokens: usage.input },
  }),
}

function inputs(input: unknown): number {
  const isOneTokenList = Array.isArray(input) && typeof input[0] === 'number'
  return Array.isArray(input) && !isOneTokenList ? input.length : 1
}
