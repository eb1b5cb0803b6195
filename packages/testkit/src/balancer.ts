import { Agent, createServer, type ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { createProxyServer } from 'httpxy'
import * as check from './check.js'
import { listen } from './listen.js'
import { type Policy, picker } from './pick.js'
import { errorBody } from './protocol/dialect.js'

/** One server to balance over: a `Replica` and a `Recorder` with a name are such. */
export interface Target {
  /** What it is hashed by: give names of your own, and a key finds the same target whatever its port. */
  readonly name: string
  readonly origin: string
}

export interface BalancerOptions {
  /** At least one; an origin alone is its own name. */
  readonly targets: readonly (Target | string)[]
  readonly policy: Policy
  /** For all that is random, a whole number. @default 1 */
  readonly seed?: number
  /** 0: a free one. Always on 127.0.0.1. @default 0 */
  readonly port?: number
}

/**
 * A reverse proxy: it hands each request to one target and streams the answer back, changing neither.
 *
 * It knows nothing of the health of its targets and never tries a second one: a target that cannot be reached is a 502,
 * a target that breaks off in its answer breaks off the answer.
 */
export interface Balancer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`: what Anthropic's client takes as its base URL. */
  readonly origin: string
  /** `origin` and `/v1`: what OpenAI's client takes. */
  readonly baseURL: string
  /** How many requests each target got so far, by name. A copy: it does not change. */
  counts(): ReadonlyMap<string, number>
  /** Ends every socket, on both sides, and frees the port. The targets go on. */
  close(): Promise<void>
}

/** Starts a balancer. Rejects with a TypeError for bad options, and with the system's error when the port is taken. */
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
    // The proxy pipes, and a pipe does not end when its source breaks off: the client would wait for ever.
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
