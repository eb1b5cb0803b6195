import { type Completion, demandedTool } from '../protocol/api-format.js'
import { words } from '../protocol/prompt.js'
import * as check from '../util/check.js'
import type { Listening } from './listen.js'
import { Recorded, type RecordedRequest } from './requests.js'
import { alreadySent, type Exchange, rest, serve } from './serve.js'
import { checkedStep, type Step } from './steps.js'

/** Options of `startRecorder`. */
export interface RecorderOptions {
  /** The models that `GET /v1/models` lists. Requests for other models are answered too. @default ['test-model'] */
  readonly models?: readonly string[]
  /** The port on 127.0.0.1; 0 for a free one. @default 0 */
  readonly port?: number
  /** How many requests to keep: the newest ones. 0 keeps none. @default Infinity */
  readonly keepRequests?: number
}

/**
 * An LLM server that answers at once with a fixed text and records what it receives.
 *
 * It serves OpenAI Chat Completions, Responses, Embeddings and Models (also on the paths of Azure and Groq) and
 * Anthropic Messages, plain and streamed. Every other path gets a 404 and is recorded too. A request that forces a tool
 * (`tool_choice`) is answered with a call of that tool.
 */
export interface Recorder extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`: the base URL for Anthropic's client. */
  readonly origin: string
  /** `origin` followed by `/v1`: the base URL for OpenAI's client. */
  readonly baseURL: string
  /** The requests so far, in the order in which they arrived completely. Live: it grows, and `clear` empties it. */
  readonly requests: readonly RecordedRequest[]
  /** The number of requests since the start or the last `clear`, including those that were not kept. */
  readonly received: number
  /**
   * Applies these steps to the next requests, one each, in order of arrival; later requests are answered normally.
   * Steps of a later call are added at the end. Throws a TypeError for a value that is not a step.
   */
  script(...steps: readonly (Step | readonly Step[])[]): void
  /** Forgets all requests and the remaining steps. */
  clear(): void
  /** Closes every socket, including idle ones and delayed answers, and frees the port. */
  close(): Promise<void>
}

const pieces: readonly string[] = ['Received ', 'and ', 'recorded.']

/** Starts a recorder. Rejects with a TypeError for bad options, and with the system's error if the port is taken. */
export async function startRecorder(options: RecorderOptions = {}): Promise<Recorder> {
  check.options(options)
  const keep = options.keepRequests ?? Number.POSITIVE_INFINITY
  if (keep !== Number.POSITIVE_INFINITY) check.whole('keepRequests', keep)
  const requests: RecordedRequest[] = []
  const script: Step[] = []
  const taken = new WeakMap<Exchange, Step>()
  let received = 0

  const listening: Listening = await serve({
    port: check.port(options.port ?? 0),
    models: check.strings('models', options.models ?? ['test-model']),
    before: (exchange) => {
      received += 1
      if (keep > 0) {
        const { incoming, body } = exchange
        requests.push(new Recorded(incoming, body, listening.connection(incoming.socket)))
        if (requests.length > keep) requests.shift()
      }
      const step = script.shift()
      if (!step) return undefined
      taken.set(exchange, step)
      return perform(step, exchange)
    },
    complete: (request, exchange) => completion(taken.get(exchange), demandedTool(request.body), request.prompt),
    cutAfter: (exchange) => {
      const step = taken.get(exchange)
      return step && 'cut' in step ? step.cut : undefined
    },
  })

  return {
    origin: listening.origin,
    baseURL: `${listening.origin}/v1`,
    requests,
    get received() {
      return received
    },
    script: (...steps) => {
      script.push(...steps.flat().map(checkedStep))
    },
    clear: () => {
      requests.length = 0
      script.length = 0
      received = 0
    },
    close: listening.close,
    [Symbol.asyncDispose]: listening.close,
  }
}

async function perform(step: Step, { incoming, closing }: Exchange): Promise<Response | undefined> {
  if ('status' in step) {
    // The Response constructor rejects a body for these, even an empty string.
    const bodiless = step.status === 204 || step.status === 205 || step.status === 304
    const init = { status: step.status, ...(step.headers && { headers: step.headers }) }
    return new Response(bodiless ? null : (step.body ?? ''), init)
  }
  if ('reset' in step) {
    incoming.socket.resetAndDestroy()
    return alreadySent
  }
  if ('stall' in step) await rest(step.stall, closing)
  return undefined
}

function completion(step: Step | undefined, demanded: string | undefined, prompt: string): Completion {
  const call = step && 'call' in step ? step.call : demanded
  const args = step && 'call' in step ? (step.arguments ?? {}) : {}
  const text = step && 'say' in step ? (step.say.match(/\S+\s*/g) ?? []) : call === undefined ? pieces : []
  return {
    pieces: text,
    usage: { input: words(prompt).length, cached: 0, output: text.length },
    ...(call !== undefined && { call: { name: call, arguments: JSON.stringify(args) } }),
  }
}
