import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type Policy, type Replica, startBalancer, startReplica } from 'llm-affinity-testkit'
import { apache } from '../../gateways/programs/apache.ts'
import { caddy } from '../../gateways/programs/caddy.ts'
import { cliproxyapi } from '../../gateways/programs/cliproxyapi.ts'
import { envoy } from '../../gateways/programs/envoy.ts'
import { haproxy } from '../../gateways/programs/haproxy.ts'
import { litellm, litellmNewer } from '../../gateways/programs/litellm.ts'
import { nginx } from '../../gateways/programs/nginx.ts'
import { olla } from '../../gateways/programs/olla.ts'
import { rayServe } from '../../gateways/programs/ray-serve.ts'
import { smg } from '../../gateways/programs/smg.ts'
import { traefik } from '../../gateways/programs/traefik.ts'
import { varnish } from '../../gateways/programs/varnish.ts'
import { vllmRouter } from '../../gateways/programs/vllm-router.ts'
import type { Backend, Backends, Program, StartOptions } from '../../gateways/support/program.ts'
import { startHop } from './hops.ts'

/** A gateway to be examined, and what is to be said of it. */
export interface Setup {
  readonly title: string
  /** More of the command line. */
  readonly args?: readonly string[]
  readonly verdict: string
  readonly code: number
  /** Where it is a program that must be installed. */
  readonly program?: Program
  /** It is examined by what reaches an echo server. */
  readonly echo?: true
  /** Its base URL. What is started goes onto the stack. */
  start(stack: AsyncDisposableStack, echoPort: number): Promise<string>
}

type Fleet = readonly [Replica, Replica, Replica]

async function fleet(stack: AsyncDisposableStack): Promise<Fleet> {
  const start = async (name: string) => stack.use(await startReplica({ name, cacheTokens: 1_000_000 }))
  return [await start('A'), await start('B'), await start('C')]
}

interface Options {
  readonly backends?: (fleet: Fleet) => readonly Backend[]
  /** What stands before the balancer. */
  readonly passes?: (name: string) => boolean
  /** Nobody says who has answered. */
  readonly nameless?: boolean
}

function balanced(policy: Policy, { backends = (all) => all, passes, nameless }: Options = {}): Setup['start'] {
  return async (stack) => {
    const replicas = await fleet(stack)
    const balancer = stack.use(await startBalancer({ targets: backends(replicas), policy }))
    if (passes === undefined && nameless !== true) return balancer.baseURL
    const hop = await startHop({
      to: () => balancer.origin,
      ...(passes && { passes }),
      ...(nameless && { answers: ({ 'x-replica': _, ...rest }) => rest }),
    })
    return stack.use(hop).baseURL
  }
}

function run(
  program: Program,
  options?: StartOptions,
  api: 'openai' | 'anthropic' = 'openai',
): Pick<Setup, 'program' | 'start'> {
  return {
    program,
    start: async (stack) => {
      const backends: Backends = await fleet(stack)
      const { origin } = stack.use(await program.start(backends, options))
      return `${origin}${program.basePath?.[api] ?? ''}/v1`
    },
  }
}

/** One program in front of another one, which has the backends. */
function inFront(first: Program, options: StartOptions, second: Program): Pick<Setup, 'program' | 'start'> {
  return {
    program: first.find() === undefined ? first : second,
    start: async (stack) => {
      const inner = stack.use(await second.start(await fleet(stack), {}))
      const { origin } = inner
      const same = { name: second.name, origin }
      return `${stack.use(await first.start([same, same, same], options)).origin}/v1`
    },
  }
}

const withLine = (from: string, to: string) => ({
  edit: (config: string) => {
    if (!config.includes(from)) throw new Error(`The config has no ${from}`)
    return config.replace(from, to)
  },
})

const without = (text: string) => ({ edit: (config: string) => cut(config, text) })

function cut(config: string, text: string): string {
  if (!config.includes(text)) throw new Error(`The config has no ${text}`)
  return config.replace(text, '')
}

function byHash(text = ''): number {
  return hash('sha1', text, 'buffer').readUInt32BE() % 3
}

// Nobody listens at the port of what has been closed.
const dead = { name: 'dead', origin: 'http://127.0.0.1:9' }
const header = { header: 'x-session-id' }
const CHECK = 'router_settings:\n  optional_pre_call_checks: ["session_affinity"]'

export const setups: readonly Setup[] = [
  { title: 'hashes `x-session-id`', verdict: 'sticky', code: 0, start: balanced(header) },
  {
    title: 'the same, over Anthropic’s API',
    args: ['--api', 'anthropic'],
    verdict: 'sticky',
    code: 0,
    start: balanced(header),
  },
  {
    title: 'the same, and nobody says who answers',
    verdict: 'sticky',
    code: 0,
    start: balanced(header, { nameless: true }),
  },
  { title: 'round robin', verdict: 'not-sticky', code: 1, start: balanced('round-robin') },
  {
    title: 'round robin, and nobody says who answers',
    verdict: 'not-sticky',
    code: 1,
    start: balanced('round-robin', { nameless: true }),
  },
  { title: 'random', verdict: 'not-sticky', code: 1, start: balanced('random') },
  {
    title: 'a hop strips the header',
    verdict: 'not-sticky',
    code: 1,
    start: balanced(header, { passes: (name) => name !== 'x-session-id' }),
  },
  {
    title: 'the same, seen behind the gateway',
    echo: true,
    verdict: 'key-lost',
    code: 1,
    start: async (stack, echoPort) => {
      const to = () => `http://127.0.0.1:${echoPort}`
      return stack.use(await startHop({ to, passes: (name) => name !== 'x-session-id' })).baseURL
    },
  },
  {
    title: 'a hop drops names with underscores; the gateway reads both spellings',
    args: ['--header', 'session_id'],
    verdict: 'key-lost',
    code: 1,
    start: balanced({ header: 'session-id' }, { passes: (name) => !name.includes('_') }),
  },
  {
    title: 'hashes `x-conversation-id`',
    verdict: 'wrong-name',
    code: 1,
    start: balanced({ header: 'x-conversation-id' }),
  },
  {
    title: 'the same, told with `--header`',
    args: ['--header', 'x-conversation-id'],
    verdict: 'sticky',
    code: 0,
    start: balanced({ header: 'x-conversation-id' }),
  },
  {
    title: 'hashes `x-conversation-id`, and nobody says who answers',
    args: ['--budget', '400000'],
    verdict: 'wrong-name',
    code: 1,
    start: balanced({ header: 'x-conversation-id' }, { nameless: true }),
  },
  { title: 'one backend', verdict: 'single-backend', code: 2, start: balanced(header, { backends: ([a]) => [a] }) },
  {
    title: 'one backend of three is dead',
    verdict: 'unhealthy',
    code: 2,
    start: balanced(header, { backends: ([a, b]) => [a, b, dead] }),
  },
  {
    title: 'hashes the client’s address',
    verdict: 'sticky-without-key',
    code: 0,
    start: async (stack) => {
      const replicas = await fleet(stack)
      const to = ({ socket }: IncomingMessage): string => replicas[byHash(socket.remoteAddress)]?.origin ?? ''
      return stack.use(await startHop({ to })).baseURL
    },
  },
  {
    title: 'hashes the beginning of the prompt',
    verdict: 'sticky-without-key',
    code: 0,
    start: async (stack) => {
      const replicas = await fleet(stack)
      const to = (_: unknown, body: string): string => replicas[byHash(body.slice(0, 200))]?.origin ?? ''
      return stack.use(await startHop({ to })).baseURL
    },
  },
  {
    title: 'caches nothing, and nobody says who answers',
    verdict: 'unknown',
    code: 2,
    start: async (stack) => {
      const start = async (name: string) => stack.use(await startReplica({ name, cacheTokens: 64 }))
      const targets = [await start('A'), await start('B')]
      const balancer = stack.use(await startBalancer({ targets, policy: header }))
      const answers = ({ 'x-replica': _, ...rest }: Readonly<Record<string, string>>) => rest
      return stack.use(await startHop({ to: () => balancer.origin, answers })).baseURL
    },
  },
  { title: 'Caddy', verdict: 'sticky', code: 0, ...run(caddy) },
  {
    title: 'Caddy, without `lb_policy`',
    verdict: 'not-sticky',
    code: 1,
    ...run(caddy, without('lb_policy header X-Session-Id')),
  },
  {
    title: 'Caddy, `lb_policy cookie`',
    verdict: 'not-sticky',
    code: 1,
    ...run(caddy, withLine('lb_policy header X-Session-Id', 'lb_policy cookie')),
  },
  {
    title: 'Caddy, `lb_policy ip_hash`',
    verdict: 'sticky-without-key',
    code: 0,
    ...run(caddy, withLine('lb_policy header X-Session-Id', 'lb_policy ip_hash')),
  },
  { title: 'nginx', verdict: 'sticky', code: 0, ...run(nginx) },
  {
    title: 'nginx in front of HAProxy',
    verdict: 'sticky',
    code: 0,
    ...inFront(nginx, without('hash $http_x_session_id consistent;'), haproxy),
  },
  {
    title: 'nginx in front of Caddy',
    verdict: 'sticky',
    code: 0,
    ...inFront(nginx, without('hash $http_x_session_id consistent;'), caddy),
  },
  {
    title: 'nginx, without `hash`',
    verdict: 'not-sticky',
    code: 1,
    ...run(nginx, without('hash $http_x_session_id consistent;')),
  },
  {
    title: 'nginx hashes `$http_session_id`, and is sent `session_id`',
    args: ['--header', 'session_id'],
    verdict: 'key-lost',
    code: 1,
    ...run(nginx, { edit: (config) => config.replace('$http_x_session_id', '$http_session_id') }),
  },
  { title: 'HAProxy', verdict: 'sticky', code: 0, ...run(haproxy) },
  {
    title: 'HAProxy, `balance roundrobin`',
    verdict: 'not-sticky',
    code: 1,
    ...run(haproxy, { edit: (config) => config.replace('balance hdr(X-Session-Id)', 'balance roundrobin') }),
  },
  {
    title: 'HAProxy, `balance leastconn`',
    verdict: 'not-sticky',
    code: 1,
    ...run(haproxy, withLine('balance hdr(X-Session-Id)', 'balance leastconn')),
  },
  {
    title: 'HAProxy, `balance source`',
    verdict: 'sticky-without-key',
    code: 0,
    ...run(haproxy, withLine('balance hdr(X-Session-Id)', 'balance source')),
  },
  { title: 'LiteLLM', verdict: 'sticky', code: 0, ...run(litellm) },
  { title: 'LiteLLM, without its check', verdict: 'affinity-off', code: 1, ...run(litellm, without(CHECK)) },
  { title: 'Olla', verdict: 'sticky', code: 0, ...run(olla) },
  {
    title: 'Olla, over Anthropic’s API',
    args: ['--api', 'anthropic'],
    verdict: 'sticky',
    code: 0,
    ...run(olla, {}, 'anthropic'),
  },
  {
    title: 'Olla, behind a hop that strips its header',
    verdict: 'key-lost',
    code: 1,
    program: olla,
    start: async (stack) => {
      const baseURL = await run(olla).start(stack, 0)
      const { origin, pathname } = new URL(baseURL)
      const hop = await startHop({ to: () => origin, passes: (name) => name !== 'x-olla-session-id' })
      return stack.use(hop).origin + pathname
    },
  },
  {
    title: 'Olla, its sticky sessions off',
    verdict: 'affinity-off',
    code: 1,
    ...run(olla, { edit: (config) => config.replace('enabled: true', 'enabled: false') }),
  },
  { title: 'CLIProxyAPI', verdict: 'sticky', code: 0, ...run(cliproxyapi) },
  { title: 'Envoy', verdict: 'sticky', code: 0, ...run(envoy) },
  {
    title: 'Envoy, `LEAST_REQUEST`',
    verdict: 'not-sticky',
    code: 1,
    ...run(envoy, withLine('lb_policy: RING_HASH', 'lb_policy: LEAST_REQUEST')),
  },
  { title: 'Apache, `stickysession` by a cookie', verdict: 'not-sticky', code: 1, ...run(apache) },
  {
    title: 'Apache, without `stickysession`',
    verdict: 'not-sticky',
    code: 1,
    ...run(apache, without('  ProxySet stickysession=ROUTEID\n')),
  },
  { title: 'Varnish, `shard` by the header', verdict: 'sticky', code: 0, ...run(varnish) },
  { title: smg.title, verdict: 'sticky', code: 0, ...run(smg) },
  { title: 'vLLM router', verdict: 'sticky', code: 0, ...run(vllmRouter) },
  { title: 'LiteLLM, a later one', verdict: 'sticky', code: 0, ...run(litellmNewer) },
  { title: 'Ray Serve', verdict: 'sticky', code: 0, ...run(rayServe) },
  { title: 'Traefik, whose only pin is a cookie', verdict: 'not-sticky', code: 1, ...run(traefik) },
]
