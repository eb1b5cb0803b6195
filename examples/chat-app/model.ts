import { createOpenAI } from '@ai-sdk/openai'
import { type ModelMessage, streamText } from 'ai'
import { affinityFetch, currentSession } from 'llm-affinity'
import type { Fleet } from './fleet.ts'

export interface Prompt {
  readonly instructions: string
  readonly messages: ModelMessage[]
}

/** What one call gave, and what is known of how it was served. */
export interface Answer {
  readonly text: string
  /** Whether it was made in the scope of a session, and so carried a key. */
  readonly pinned: boolean
  /** As the gateway names it; empty where it does not. */
  readonly replica: string
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly firstTextMs: number
}

/** Makes one call, in whatever scope it is made. Rejects where it fails. */
export type Ask = (prompt: Prompt, onText?: (text: string) => void) => Promise<Answer>

/** All calls of the app go through this one model, whoever makes them: only their scopes differ. */
export function createModel({ baseURL, backendHeader }: Fleet, name: string): Ask {
  const provider = createOpenAI({
    baseURL,
    apiKey: process.env.OPENAI_API_KEY ?? 'none',
    fetch: affinityFetch({ origins: baseURL }),
  })
  const model = provider.chat(name)

  return async (prompt, onText) => {
    const started = performance.now()
    const pinned = currentSession() !== undefined
    // Errors are parts of the stream, and are thrown below. By default they would be printed, too.
    const result = streamText({ model, ...prompt, onError: () => {} })
    let text = ''
    let firstTextMs = 0
    for await (const part of result.stream) {
      if (part.type === 'error') throw part.error
      if (part.type !== 'text-delta') continue
      if (text === '') firstTextMs = performance.now() - started
      text += part.text
      onText?.(part.text)
    }
    const { response, usage } = await result.finalStep
    return {
      text: text.trim(),
      pinned,
      replica: response.headers?.[backendHeader.toLowerCase()] ?? '',
      promptTokens: usage.inputTokens ?? 0,
      cachedTokens: usage.inputTokenDetails.cacheReadTokens ?? 0,
      firstTextMs: Math.round(firstTextMs),
    }
  }
}
