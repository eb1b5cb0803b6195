import { Agent, createServer, type ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { createProxyServer } from 'httpxy'
import { errorBody } from '../protocol/api-format.js'
import * as check from '../util/check.js'
import { listen } from './listen.js'
import { type Policy, picker } from './pick.js'

/** A server to balance over, such as a `Replica`, or a `Recorder` with a name. */
export interface Target {
  /** Hashed together with the key. With a name that does not contain the port, a key finds the same target in every run. */
  readonly name: string
  readonly origin: string
}

export interface BalancerOptions {
  /** At least one. A string is an origin that is also its own name. */
  readonly targets: readonly (Target | string)[]
  readonly policy: Policy
  /** The seed of random choices, a whole number. @default 1 */
  readonly seed?: number
  /** The port on 127.0.0.1; 0 for a free one. @default 0 */
  readonly port?: number
}

/**
 * A reverse proxy: it forwards each request to one target and streams the answer back, changing neither.
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
  const agent = new Agent({ keepAlive: true })
  const proxy = createProxyServer({ agent })
  proxy.on('error', (error, _request, response) => {
    if (response && !(response instanceof Socket)) unreachable(response, error)
  })
  proxy.on('proxyRes', (answer, _request, response) => {
    // The proxy pipes, and a pipe does not end when its source breaks off: the client would wait forever.
    answer.once('error', () => response.destroy())
  })

  const server = createServer((request, response) => {
    const target = targets[pick(request)] as Target
    counts.set(target.name, (counts.get(target.name) ?? 0) + 1)
    void proxy.web(request, response, { target: target.origin })
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
