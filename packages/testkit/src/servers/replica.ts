import pLimit from 'p-limit'
import type { Completion } from '../protocol/api-format.js'
import * as check from '../util/check.js'
import { type Lookup, PrefixCache, type PrefixCacheOptions } from './cache.js'
import { type Exchange, rest, serve } from './serve.js'

/** Options of `startReplica`. */
export interface ReplicaOptions extends PrefixCacheOptions {
  /** A cache that several replicas share, in place of one of its own. Its options then count, not these. */
  readonly cache?: PrefixCache
  /** Sent as the `x-replica` header of its answers. */
  readonly name: string
  /** Milliseconds of prefill for each token that is not cached. @default 0 */
  readonly prefillMsPerToken?: number
  /** Milliseconds for each token of the answer. @default 0 */
  readonly decodeMsPerToken?: number
  /** Length of every answer, in tokens; a streamed answer has one event for each. @default 16 */
  readonly outputTokens?: number
  /** The models that `GET /v1/models` lists. Requests for other models are answered too. @default ['test-model'] */
  readonly models?: readonly string[]
  /** The port on 127.0.0.1; 0 for a free one. @default 0 */
  readonly port?: number
}

/**
 * One inference server behind a balancer. It serves the same APIs as the recorder. It has a prefix cache of limited size
 * and runs one prefill at a time; other requests wait in order of arrival.
 *
 * The `usage` of each answer reports how much of the prompt was cached, in the format of its API, and `x-replica` names
 * the replica. All answers have the same text, so that the prompts of a conversation do not depend on which replica
 * served it. An answer is cached once it is part of a later prompt. Embeddings are computed without the cache.
 */
export interface Replica extends AsyncDisposable {
  readonly name: string
  /** `http://127.0.0.1:PORT`: the base URL for Anthropic's client. */
  readonly origin: string
  /** `origin` followed by `/v1`: the base URL for OpenAI's client. */
  readonly baseURL: string
  /** The counters at this moment; a copy. */
  counters(): ReplicaCounters
  /** Closes every socket, including those with unfinished answers, and frees the port. */
  close(): Promise<void>
}

/** The requests whose prefill has begun, and their tokens. `processedTokens` were not cached. */
export interface ReplicaCounters {
  readonly requests: number
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly processedTokens: number
}

/** Starts a replica. Rejects with a TypeError for bad options, and with the system's error if the port is taken. */
export async function startReplica(options: ReplicaOptions): Promise<Replica> {
  check.options(options)
  const { name, prefillMsPerToken = 0, decodeMsPerToken = 0, outputTokens = 16 } = options
  check.headerValue('name', name)
  check.milliseconds('prefillMsPerToken', prefillMsPerToken)
  const pace = check.milliseconds('decodeMsPerToken', decodeMsPerToken)
  const pieces = answerOf(check.whole('outputTokens', outputTokens, 1))
  const cache = options.cache ?? new PrefixCache(options)
  const prefill = pLimit(1)
  const counters = { requests: 0, promptTokens: 0, cachedTokens: 0, processedTokens: 0 }

  async function read(lookup: () => Lookup, { outgoing, closing }: Exchange): Promise<Lookup> {
    // An engine drops a queued request whose client has disconnected.
    if (outgoing.destroyed) throw new Error('The client has disconnected')
    const found = lookup()
    const uncached = found.prompt - found.cached
    counters.requests += 1
    counters.promptTokens += found.prompt
    counters.cachedTokens += found.cached
    counters.processedTokens += uncached
    await rest(uncached * prefillMsPerToken, closing)
    return found
  }

  const listening = await serve({
    port: check.port(options.port ?? 0),
    models: check.strings('models', options.models ?? ['test-model']),
    complete: async (request, exchange): Promise<Completion> => {
      const generates = request.format.events !== undefined
      const lookup = () => (generates ? cache.read(request.prompt, request.model) : cache.measure(request.prompt))
      const { prompt, cached } = await prefill(read, lookup, exchange)
      return { pieces, pace, usage: { input: prompt, cached, output: pieces.length }, headers: { 'x-replica': name } }
    },
  })

  return {
    name,
    origin: listening.origin,
    baseURL: `${listening.origin}/v1`,
    counters: () => ({ ...counters }),
    close: listening.close,
    [Symbol.asyncDispose]: listening.close,
  }
}

const answerWords = 'I have read all of the text above and this is a summary of it so far '.match(/\S+\s/g) ?? []

const answerOf = (length: number): string[] =>
  Array.from({ length }, (_, index) => answerWords[index % answerWords.length] ?? '')
