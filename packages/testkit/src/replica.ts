import pLimit from 'p-limit'
import { type Lookup, PrefixCache, type PrefixCacheOptions } from './cache.js'
import * as check from './check.js'
import type { Completion } from './protocol/dialect.js'
import { type Exchange, rest, serve } from './protocol/serve.js'

export interface ReplicaOptions extends PrefixCacheOptions {
  /** What it calls itself in the `x-replica` header of its answers. */
  readonly name: string
  /** Milliseconds of prefill per token that is not cached. @default 0 */
  readonly prefillMsPerToken?: number
  /** Milliseconds per token of the answer. @default 0 */
  readonly decodeMsPerToken?: number
  /** Length of every answer, in tokens; each is an event of a streamed one. @default 16 */
  readonly outputTokens?: number
  /** What `GET /v1/models` lists. A request may name any model; every one is answered. @default ['test-model'] */
  readonly models?: readonly string[]
  /** 0: a free one. Always on 127.0.0.1. @default 0 */
  readonly port?: number
}

/**
 * One inference server behind a balancer. It speaks what the recorder speaks, and has what makes affinity worth its
 * while: a prefix cache of limited size, and one prefill at a time, the others waiting in order of arrival.
 *
 * Each answer says in its `usage` how much of the prompt was cached, in the words of its API, and in `x-replica` who
 * gave it. Answers are all alike, so that a conversation's prompts do not depend on where it was served. An answer
 * becomes cached when it comes back as a part of a later prompt. Embeddings are computed, but neither cached nor found.
 */
export interface Replica extends AsyncDisposable {
  readonly name: string
  /** `http://127.0.0.1:PORT`: what Anthropic's client takes as its base URL. */
  readonly origin: string
  /** `origin` and `/v1`: what OpenAI's client takes. */
  readonly baseURL: string
  /** What it has done so far. A copy: it does not change. */
  counters(): ReplicaCounters
  /** Ends every socket, unfinished answers included, and frees the port. */
  close(): Promise<void>
}

/** Requests whose prefill was begun, and their tokens: `processedTokens` are those that were not cached. */
export interface ReplicaCounters {
  readonly requests: number
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly processedTokens: number
}

/** Starts a replica. Rejects with a TypeError for bad options, and with the system's error when the port is taken. */
export async function startReplica(options: ReplicaOptions): Promise<Replica> {
  check.options(options)
  const { name, prefillMsPerToken = 0, decodeMsPerToken = 0, outputTokens = 16 } = options
  check.headerValue('name', name)
  check.milliseconds('prefillMsPerToken', prefillMsPerToken)
  const pace = check.milliseconds('decodeMsPerToken', decodeMsPerToken)
  const pieces = answerOf(check.whole('outputTokens', outputTokens, 1))
  const cache = new PrefixCache(options)
  const prefill = pLimit(1)
  const counters = { requests: 0, promptTokens: 0, cachedTokens: 0, processedTokens: 0 }

  async function read(lookup: () => Lookup, { outgoing, closing }: Exchange): Promise<Lookup> {
    // As an engine drops from its queue what nobody waits for any more.
    if (outgoing.destroyed) throw new Error('The client has gone')
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
    models: check.texts('models', options.models ?? ['test-model']),
    complete: async (ask, exchange): Promise<Completion> => {
      const generates = ask.dialect.events !== undefined
      const lookup = () => (generates ? cache.read(ask.prompt, ask.model) : cache.measure(ask.prompt))
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

const saying = 'I have read it all and this is what I make of it so far '.match(/\S+\s/g) ?? []

const answerOf = (length: number): string[] => Array.from({ length }, (_, at) => saying[at % saying.length] ?? '')
