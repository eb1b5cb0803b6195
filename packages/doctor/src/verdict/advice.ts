import type { GatewayName } from 'llm-affinity/gateways'

/** A line of a configuration, and where to put it. */
interface Line {
  readonly line: string
  readonly into: string
}

/** What turns affinity on at a gateway. The same lines are on its page in docs/gateways. */
export interface Advice {
  readonly title: string
  /** The line that pins. Absent: pinning is always on, or cannot be turned on. */
  readonly pin?: Line
  /** The line that makes it name the backend in its answers, where it needs one. */
  readonly exposeBackend?: Line & { readonly with?: Line }
  /** The path of its base URL for OpenAI's clients, where that is not /v1. */
  readonly basePath?: string
  /** What else is required. */
  readonly note?: string
  /** It does not forward the headers of its clients to the backends. */
  readonly dropsClientHeaders?: true
}

const ON = 'It always pins. There is nothing to turn on.'
const provider = (title: string, note = ON): Advice => ({ title, note })

const ADVICE: Readonly<Record<GatewayName, Advice>> = {
  aibrix: { title: 'AIBrix', note: 'Each call must have the header `routing-strategy: session-affinity`.' },
  'azure-openai': provider('Azure OpenAI'),
  baseten: provider('Baseten', 'Ask Baseten to enable sticky sessions for your account.'),
  bifrost: provider('Bifrost', 'It pins where there are several providers or keys to choose from.'),
  caddy: {
    title: 'Caddy',
    pin: { line: 'lb_policy header X-Session-Id', into: 'the `reverse_proxy` block of the Caddyfile' },
    exposeBackend: {
      line: 'header_down X-Backend {http.reverse_proxy.upstream.hostport}',
      into: 'the `reverse_proxy` block of the Caddyfile',
    },
  },
  cliproxyapi: { title: 'CLIProxyAPI', pin: { line: 'session-affinity: true', into: '`routing:` in its config.yaml' } },
  deepinfra: provider('DeepInfra'),
  dynamo: {
    title: 'Dynamo',
    pin: { line: '--router-session-affinity-ttl-secs 600', into: 'the command of the frontend' },
  },
  envoy: {
    title: 'Envoy',
    pin: {
      line: '- header: { header_name: x-session-id }',
      into: '`hash_policy:` of the route, with `lb_policy: RING_HASH` in the cluster',
    },
    exposeBackend: {
      line: '- header: { key: x-backend, value: "%UPSTREAM_REMOTE_ADDRESS%" }',
      into: '`response_headers_to_add:` of the virtual host or the route',
    },
  },
  fireworks: {
    title: 'Fireworks',
    pin: { line: '--enable-session-affinity', into: 'the `firectl create deployment` of a dedicated deployment' },
  },
  freellmapi: provider('freellmapi'),
  generic: { title: 'your gateway' },
  haproxy: {
    title: 'HAProxy',
    pin: { line: 'balance hdr(X-Session-Id)', into: 'the `backend` section, with `hash-type consistent`' },
    exposeBackend: { line: 'http-response set-header X-Backend %si:%sp', into: 'the `backend` section' },
  },
  'ingress-nginx': {
    title: 'ingress-nginx',
    pin: {
      line: 'nginx.ingress.kubernetes.io/upstream-hash-by: $http_x_session_id',
      into: 'the annotations of the Ingress',
    },
    exposeBackend: {
      line: 'more_set_headers "X-Backend: $upstream_addr";',
      into: 'the annotation `nginx.ingress.kubernetes.io/configuration-snippet`',
    },
  },
  istio: {
    title: 'Istio',
    pin: { line: 'consistentHash: { httpHeaderName: x-session-id }', into: '`loadBalancer:` of the DestinationRule' },
    exposeBackend: {
      line: "response: { set: { x-backend: '%UPSTREAM_REMOTE_ADDRESS%' } }",
      into: '`headers:` of the route in the VirtualService',
    },
  },
  litellm: {
    title: 'LiteLLM',
    pin: { line: 'optional_pre_call_checks: ["session_affinity"]', into: '`router_settings:` in config.yaml' },
    dropsClientHeaders: true,
  },
  llmgateway: provider('LLM Gateway'),
  mistral: provider('Mistral'),
  modal: provider('Modal', 'It pins where the app is a Modal Server (`@app.server()`).'),
  moonshot: provider('Moonshot'),
  nginx: {
    title: 'nginx',
    pin: { line: 'hash $http_x_session_id consistent;', into: 'the `upstream` block' },
    exposeBackend: {
      line: 'add_header X-Backend $backend always;',
      into: 'the `location`',
      with: { line: 'map $upstream_addr $backend { ~([^\\s,]+)$ $1; }', into: 'the `http` block' },
    },
  },
  none: { title: 'this provider', note: 'It reads no key, so none is sent.' },
  olla: {
    title: 'Olla',
    basePath: '/olla/proxy/v1',
    pin: { line: 'enabled: true', into: '`proxy.sticky_sessions:` in its config' },
    note: 'Before 0.0.28 it pins only at /olla/proxy/v1 and /olla/anthropic.',
  },
  openai: provider('OpenAI'),
  opencode: provider('opencode'),
  openrouter: provider('OpenRouter', 'It pins where reading from the cache is cheaper.'),
  'production-stack': {
    title: "vLLM production-stack's router",
    pin: { line: '--routing-logic session --session-key x-session-id', into: 'the command of the router' },
  },
  'ray-serve': {
    title: 'Ray Serve',
    pin: {
      line: 'request_router_class: ray.serve.experimental.consistent_hash_router.ConsistentHashRouter',
      into: '`request_router_config:` of the deployment',
    },
  },
  sagemaker: {
    title: 'SageMaker',
    pin: { line: '"RoutingStrategy": "PREFIX_AWARE"', into: 'the `RoutingConfig` of the endpoint’s variant' },
  },
  smg: { title: 'SMG', pin: { line: '--policy consistent_hashing', into: 'the command of `smg launch`' } },
  sub2api: provider('sub2api'),
  vertex: provider('Vertex AI'),
  'vllm-router': {
    title: "vLLM's router",
    pin: { line: '--policy consistent_hash', into: 'the command of the router' },
  },
  'workers-ai': provider('Workers AI'),
  xai: provider('xAI'),
  zai: provider('Z.ai'),
}

/** By the name of the gateway. Undefined for a user-defined gateway. */
export const advice: ReadonlyMap<string, Advice> = new Map(Object.entries(ADVICE))

/** Sentences about gateways whose base URL ends in another path than `/v1` and this one; about one gateway, where it is known. */
export function otherBasePaths(path: string, gateway: string | undefined): readonly string[] {
  return [...advice].flatMap(([name, each]) =>
    each.basePath === undefined || each.basePath === path || (gateway !== undefined && gateway !== name)
      ? []
      : [`The base URL of ${each.title} ends in ${each.basePath}.`],
  )
}

/** What to configure at a gateway so that it pins, then the rest. */
export function withAdvice(gateway: string, rest: readonly string[]): readonly string[] {
  const { title, pin, note } = advice.get(gateway) ?? {}
  return [
    ...(pin === undefined ? [] : [`${title}: add \`${pin.line}\` to ${pin.into}.`]),
    ...(note === undefined ? [] : [`${title}: ${note}`]),
    ...rest,
  ]
}
