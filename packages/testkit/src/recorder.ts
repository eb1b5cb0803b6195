import * as check from './check.js'
import type { Listening } from './listen.js'
import { type Completion, demandedTool } from './protocol/dialect.js'
import { words } from './protocol/prompt.js'
import { alreadySent, type Exchange, rest, serve } from './protocol/serve.js'
import { Recorded, type RecordedRequest } from './requests.js'
import { checkedStep, type Step } from './steps.js'

export interface RecorderOptions {
  /** What `GET /v1/models` lists. A request may name any model; every one is answered. @default ['test-model'] */
  readonly models?: readonly string[]
  /** 0: a free one. Always on 127.0.0.1. @default 0 */
  readonly port?: number
  /** Only so many requests are kept, the newest; 0 keeps none. @default Infinity */
  readonly keepRequests?: number
}

/**
 * An LLM server that answers at once with a fixed text and keeps what it was sent.
 *
 * It speaks OpenAI Chat Completions, Responses, Embeddings and Models (also under Azure's and Groq's paths) and
 * Anthropic Messages, plain and streamed. Every other path is answered 404 and is recorded too. A request that
 * demands a tool (`tool_choice`) is answered by a call of it.
 */
export interface Recorder extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`: what Anthropic's client takes as its base URL. */
  readonly origin: string
  /** `origin` and `/v1`: what OpenAI's client takes. */
  readonly baseURL: string
  /** The requests so far, in the order in which they arrived whole. Live: it grows, and `clear` empties it. */
  readonly requests: readonly RecordedRequest[]
  /** How many requests have arrived since the start or the last `clear`, kept or not. */
  readonly received: number
  /**
   * The next requests are dealt with by these steps, one each, in order of arrival; after them, normally.
   * Steps given later are added at the end. Throws a TypeError for what is no step.
   */
  script(...steps: readonly (Step | readonly Step[])[]): void
  /** Forgets all requests and all steps that are left. */
  clear(): void
  /** Ends every socket, idle ones and stalled answers included, and frees the port. */
  close(): Promise<void>
}

const pieces: readonly string[] = ['Heard ', 'and ', 'recorded.']

/** Starts a recorder. Rejects with a TypeError for bad options, and with the system's error when the port is taken. */
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
    models: check.texts('models', options.models ?? ['test-model']),
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
    complete: (ask, exchange) => completion(taken.get(exchange), demandedTool(ask.body), ask.prompt),
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
    // A Response must not have a body with these; an empty text counts as one.
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
