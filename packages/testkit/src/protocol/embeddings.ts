import type { ApiFormat } from './api-format.js'

const dimensions = 8

/** OpenAI Embeddings. The vectors carry no meaning: each depends only on its index in the input. */
export const embeddings: ApiFormat = {
  reads: ['input'],

  plain: ({ request, usage }): object => ({
    object: 'list',
    model: request.model,
    data: Array.from({ length: inputs(request.body.input) }, (_, index) => {
      const vector = Float32Array.from({ length: dimensions }, (_, axis) => (axis === index % dimensions ? 1 : 0))
      // OpenAI's client asks for base64 by default, and decodes it.
      const packed = request.body.encoding_format === 'base64'
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
