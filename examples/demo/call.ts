import type OpenAI from 'openai'

export type Request = Pick<OpenAI.ChatCompletionCreateParams, 'model' | 'messages' | 'tools'>

/** Whose call it is. */
export interface Origin {
  readonly conversation: string
  /** The conversation's own calls are `main`; titles, sub-agents and calls of other models are `side`. */
  readonly kind: 'main' | 'side'
  /** Counted from 1 within a conversation, among calls of one kind. */
  readonly turn: number
  /** Tokens of the prompt that one cache without limits, shared by all, would have had. */
  readonly possible: number
}

/** One call as its client saw it. */
export interface Call extends Origin {
  readonly answer: string
  /** Who served it, by the answer's own header. Empty after an error. */
  readonly replica: string
  readonly promptTokens: number
  readonly cachedTokens: number
  /** From the call to the first text of the streamed answer. */
  readonly ttftMs: number
  readonly error?: string
}

/** Makes one streamed call and measures it. Never rejects: a failed call is a call with an `error`. */
export async function call(client: OpenAI, request: Request, origin: Origin): Promise<Call> {
  const started = performance.now()
  const seen = { answer: '', replica: '', promptTokens: 0, cachedTokens: 0, ttftMs: 0 }
  try {
    const { data, response } = await client.chat.completions
      .create({ ...request, stream: true, stream_options: { include_usage: true } })
      .withResponse()
    seen.replica = response.headers.get('x-replica') ?? ''
    for await (const { choices, usage } of data) {
      const text = choices[0]?.delta.content ?? ''
      if (text !== '' && seen.answer === '') seen.ttftMs = performance.now() - started
      seen.answer += text
      seen.promptTokens = usage?.prompt_tokens ?? seen.promptTokens
      seen.cachedTokens = usage?.prompt_tokens_details?.cached_tokens ?? seen.cachedTokens
    }
    return { ...origin, ...seen }
  } catch (error) {
    return { ...origin, ...seen, error: String(error) }
  }
}
