import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { createProxyServer } from 'httpxy'
import { errorBody } from '../protocol/api-format.js'
import * as check from '../util/check.js'
import { listen } from './listen.js'
import { type Policy, picker, REJECTED } from './pick.js'

/** A server to balance over, such as a `Replica`, or a `Recorder` with a name. */
export interface Target {
  /** Hashed together with the key. With a name that does not contain the port, a key finds the same target in every run. */
  readonly name: string
  readonly origin: string
}

/** Options of `startBalancer`. */
export interface BalancerOptions {
  /** At least one. A string is an origin that is also its own name. */
  readonly targets: readonly (Target | string)[]
  readonly policy: Policy
  /** The seed of random choices, a whole number. @default 1 */
  readonly seed?: number
  /** Answers 429 with `retry-after` to more than this many requests in a window. @default no limit */
  readonly limit?: { readonly requests: number; readonly windowMs: number }
  /** Names of request headers that are removed before the policy reads them, as a hop before it would. @default [] */
  readonly dropRequestHeaders?: readonly string[]
  /**
   * Called for each answer, with the name of the target and the number of the request, counted from 1. The headers that it
   * returns are set on the answer; undefined removes one. Must not throw.
   */
  readonly answerHeaders?: (target: string, request: number) => Readonly<Record<string, string | undefined>>
  /** The port on 127.0.0.1; 0 for a free one. @default 0 */
  readonly port?: number
}

/**
 * A reverse proxy: it forwards each request to one target and streams the answer back, changing neither unless told to.
 *
 * It has no health checks and never tries a second target: if a target cannot be reached, it answers 502; if a target
 * breaks off its answer, so does the balancer.
 */
export interface Balancer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`: the base URL for Anthropic's client. */
  readonly origin: string
  /** `origin` followed by `/v1`: the base URL for OpenAI's client. */
  readonly baseURL: string
  /** The number of requests that each target got so far, by name; a copy. */
  counts(): ReadonlyMap<string, number>
  /** Closes every socket, on both sides, and frees the port. The targets keep running. */
  close(): Promise<void>
}

/** Starts a balancer. Rejects with a TypeError for bad options, and with the system's error if the port is taken. */
export async function startBalancer(options: BalancerOptions): Promise<Balancer> {
  check.options(options)
  const targets = checkedTargets(options.targets)
  const counts = new Map(targets.map(({ name }) => [name, 0]))
  const pick = picker(options.policy, [...counts.keys()], check.whole('seed', options.seed ?? 1))
  const dropped = check.strings('dropRequestHeaders', options.dropRequestHeaders ?? [])
  const isLimited = limiter(options.limit)
  const agent = new Agent({ keepAlive: true })
  const proxy = createProxyServer({ agent })
  proxy.on('error', (error, _request, response) => {
    if (response && !(response instanceof Socket)) unreachable(response, error)
  })
  proxy.on('proxyRes', (answer, request, response) => {
    const { target, number } = sent.get(request) ?? { target: '', number: 0 }
    const handed = pick.handsOut?.(request, [...counts.keys()].indexOf(target))
    if (handed !== undefined) {
      const before = answer.headers[handed.name]
      answer.headers[handed.name] = before === undefined ? handed.value : [before, handed.value].flat()
    }
    for (const [name, value] of Object.entries(options.answerHeaders?.(target, number) ?? {})) {
      if (value === undefined) delete answer.headers[name.toLowerCase()]
      else answer.headers[name.toLowerCase()] = value
    }
    // The proxy pipes, and a pipe does not end when its source breaks off: the client would wait forever.
    answer.once('error', () => response.destroy())
  })

  const sent = new WeakMap<IncomingMessage, { readonly target: string; readonly number: number }>()
  const inFlight = new Map<string, number>()
  let received = 0
  const forward = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const retryAfter = isLimited()
    if (retryAfter !== undefined) {
      request.resume()
      response.writeHead(429, { 'content-type': 'application/json', 'retry-after': String(retryAfter) })
      response.end(errorBody(429, 'Too many requests'))
      return
    }
    // It belongs to the client's connection. Forwarded, `close` would end connections that the agent wants to reuse.
    delete request.headers.connection
    for (const name of dropped) delete request.headers[name.toLowerCase()]
    // Policies that read the prompt need the body before they choose.
    const body = pick.readsBody ? await buffer(request) : undefined
    const index = pick.target({ request, body, inFlight })
    if (index === REJECTED) {
      request.resume()
      response.writeHead(400, { 'content-type': 'application/json' })
      response.end(errorBody(400, 'The header of the session id is missing'))
      return
    }
    const target = targets[index] as Target
    received += 1
    sent.set(request, { target: target.name, number: received })
    counts.set(target.name, (counts.get(target.name) ?? 0) + 1)
    inFlight.set(target.name, (inFlight.get(target.name) ?? 0) + 1)
    response.once('close', () => inFlight.set(target.name, (inFlight.get(target.name) ?? 1) - 1))
    await proxy.web(request, response, {
      target: target.origin,
      ...(body && { buffer: Readable.from([body]) }),
    })
  }
  const server = createServer((request, response) => {
    // The client has gone before its request was complete.
    forward(request, response).catch(() => response.destroy())
  })
  const listening = await listen(server, check.port(options.port ?? 0))
  const close = async (): Promise<void> => {
    await listening.close()
    agent.destroy()
  }
  return {
    origin: listening.origin,
    baseURL: `${listening.origin}/v1`,
    counts: () => new Map(counts),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Returns a function that counts a request, and returns the seconds to wait where it is one too many. */
function limiter(limit: BalancerOptions['limit']): () => number | undefined {
  if (limit === undefined) return () => undefined
  check.options(limit)
  const requests = check.whole('limit.requests', limit.requests, 1)
  const windowMs = check.whole('limit.windowMs', limit.windowMs, 1)
  let times: number[] = []
  return () => {
    const now = performance.now()
    times = times.filter((time) => time > now - windowMs)
    if (times.length >= requests) return Math.max(1, Math.ceil(((times[0] ?? now) + windowMs - now) / 1000))
    times.push(now)
    return undefined
  }
}

function checkedTargets(given: unknown): readonly Target[] {
  if (!Array.isArray(given) || given.length === 0) return check.wrong('`targets` to be a list of at least one', given)
  const targets = given.map((target: unknown): Target => {
    const { name, origin } = typeof target === 'string' ? { name: target, origin: target } : (target as Target)
    if (!URL.canParse(origin)) check.wrong('a target to be an origin, or to have one', target)
    return { name: typeof name === 'string' ? name : check.wrong('a target to have a `name`', target), origin }
  })
  if (new Set(targets.map(({ name }) => name)).size < targets.length) check.wrong('names that differ', given)
  return targets
}

function unreachable(response: ServerResponse, error: Error): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.writeHead(502, { 'content-type': 'application/json' })
  response.end(errorBody(502, `The target did not answer: ${error.message}`))
}
