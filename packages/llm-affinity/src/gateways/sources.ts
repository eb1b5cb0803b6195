// The source of each entry in table.ts, and how it was checked. Only the docs and the tests read it, so it is not bundled.

import type { GatewayName } from './table.js'

/** What an entry is based on. */
export interface Source {
  /** `run`: tests run the real program. `source`: its source was read. `docs`: its documentation. `clients`: other clients only. */
  readonly sure: 'run' | 'source' | 'docs' | 'clients'
  /** Repositories with a path, or pages. */
  readonly from: readonly string[]
  /** What a `hit` proves. Absent: answers do not name the backend, and every outcome is `unknown`. */
  readonly hit?: string
  /** What sends a call to another backend when the pinned one cannot take it; `operator` if its configuration decides. */
  readonly failover: 'gateway' | 'provider' | 'operator'
}

// A backend behind a balancer has the address that its configuration has the balancer write into x-backend.
const ADDRESS = 'the address of the backend that the balancer wrote; no proof where several machines share it'

export const sources: Readonly<Record<GatewayName, Source>> = {
  aibrix: {
    sure: 'source',
    from: ['vllm-project/aibrix: pkg/plugins/gateway/algorithms/simple_session_affinity.go'],
    hit: 'the address of the pod, per session and model',
    failover: 'gateway',
  },
  'azure-openai': {
    sure: 'docs',
    from: ['learn.microsoft.com/azure/foundry/openai/how-to/prompt-caching'],
    failover: 'provider',
  },
  baseten: {
    sure: 'docs',
    from: ['docs.baseten.co/faq/sticky-sessions', 'for x-session-affinity: clients only'],
    failover: 'provider',
  },
  bifrost: {
    sure: 'docs',
    from: ['maximhq/bifrost: docs/providers/session-affinity.mdx'],
    failover: 'gateway',
  },
  caddy: {
    sure: 'run',
    from: ['caddyserver/caddy: modules/caddyhttp/reverseproxy/selectionpolicies.go'],
    hit: ADDRESS,
    failover: 'gateway',
  },
  cliproxyapi: {
    sure: 'run',
    from: ['router-for-me/CLIProxyAPI: sdk/cliproxy/session/identity.go', 'internal/logging/cpa_trace.go'],
    hit: 'the credential, per session and model',
    failover: 'gateway',
  },
  deepinfra: { sure: 'docs', from: ['docs.deepinfra.com/chat/prompt-caching'], failover: 'provider' },
  dynamo: {
    sure: 'run',
    from: ['ai-dynamo/dynamo: docs/agents/session-ids.md', 'docs/components/router/router-configuration.md'],
    failover: 'gateway',
  },
  envoy: {
    sure: 'run',
    from: ['envoyproxy/gateway: api/v1alpha1/loadbalancer_types.go'],
    hit: ADDRESS,
    failover: 'gateway',
  },
  fireworks: { sure: 'docs', from: ['docs.fireworks.ai/guides/prompt-caching'], failover: 'provider' },
  freellmapi: {
    sure: 'source',
    from: ['tashfeenahmed/freellmapi: server/src/routes/proxy.ts'],
    hit: 'nothing, so no outcome is a `hit`: the same provider and model may be another account or endpoint',
    failover: 'gateway',
  },
  generic: {
    sure: 'run',
    from: [
      'BerriAI/litellm: litellm/proxy/litellm_pre_call_utils.py, whose generic rule does not match x-session-id up to 1.100',
    ],
    hit: ADDRESS,
    failover: 'gateway',
  },
  haproxy: { sure: 'run', from: ['haproxy/haproxy: doc/configuration.txt'], hit: ADDRESS, failover: 'gateway' },
  'ingress-nginx': {
    sure: 'source',
    from: ['kubernetes/ingress-nginx: rootfs/etc/nginx/lua/balancer/chash.lua'],
    hit: ADDRESS,
    failover: 'operator',
  },
  istio: {
    sure: 'source',
    from: ['istio/api: networking/v1alpha3/destination_rule.proto'],
    hit: ADDRESS,
    failover: 'gateway',
  },
  litellm: {
    sure: 'run',
    from: ['BerriAI/litellm: litellm/router_utils/pre_call_checks/deployment_affinity_check.py'],
    hit: 'the deployment and the base URL, per session and model; answers of `/v1/messages` lack the base URL and are never a `hit`',
    failover: 'gateway',
  },
  llmgateway: { sure: 'docs', from: ['docs.llmgateway.io/features/sessions'], failover: 'gateway' },
  mistral: { sure: 'docs', from: ['docs.mistral.ai, prompt caching'], failover: 'provider' },
  modal: { sure: 'docs', from: ['modal.com/docs/guide/sticky-sessions'], failover: 'provider' },
  moonshot: { sure: 'docs', from: ['platform.moonshot.ai/docs/api/chat'], failover: 'provider' },
  nginx: {
    sure: 'run',
    from: ['nginx/nginx: src/http/modules/ngx_http_upstream_hash_module.c'],
    hit: ADDRESS,
    failover: 'gateway',
  },
  none: { sure: 'docs', from: ['no key in their documentation'], failover: 'provider' },
  olla: {
    sure: 'run',
    from: ['thushan/olla: internal/adapter/balancer/sticky.go'],
    hit: 'what Olla itself reports, and its echo of the key',
    failover: 'gateway',
  },
  openai: {
    sure: 'docs',
    from: ['developers.openai.com/api/docs/guides/prompt-caching', 'openai on npm: types of the request bodies'],
    failover: 'provider',
  },
  opencode: { sure: 'docs', from: ['opencode.ai/docs/go, and what the server answers without'], failover: 'provider' },
  openrouter: { sure: 'docs', from: ['openrouter.ai/docs, prompt caching'], failover: 'provider' },
  'production-stack': {
    sure: 'source',
    from: ['vllm-project/production-stack: src/vllm_router/routers/routing_logic.py'],
    failover: 'gateway',
  },
  'ray-serve': {
    sure: 'run',
    from: ['ray-project/ray: python/ray/serve/experimental/consistent_hash_router.py'],
    failover: 'gateway',
  },
  sagemaker: {
    sure: 'source',
    from: [
      '@aws-sdk/client-sagemaker-runtime on npm: PrefixAwareId',
      'docs.aws.amazon.com: API_PrefixAwareRoutingConfig',
    ],
    failover: 'provider',
  },
  smg: {
    sure: 'run',
    from: ['smg-project/smg: model_gateway/src/policies/consistent_hashing.rs', 'manual.rs'],
    hit: 'the URL of the worker; with prefill and decode apart that of the decode worker only',
    failover: 'gateway',
  },
  sub2api: {
    sure: 'source',
    from: ['Wei-Shaw/sub2api: backend/internal/service/openai_gateway_service.go'],
    failover: 'gateway',
  },
  vertex: { sure: 'clients', from: ['BerriAI/litellm pull request 31898'], failover: 'provider' },
  'vllm-router': {
    sure: 'run',
    from: ['vllm-project/router: src/policies/hash_key.rs, consistent_hash.rs'],
    failover: 'gateway',
  },
  'workers-ai': {
    sure: 'docs',
    from: ['cloudflare/cloudflare-docs: src/content/docs/workers-ai/features/prompt-caching.mdx'],
    failover: 'provider',
  },
  xai: {
    sure: 'docs',
    from: ['docs.x.ai/developers/advanced-api-usage/prompt-caching/maximizing-cache-hits'],
    failover: 'provider',
  },
  zai: { sure: 'clients', from: ['openclaw/openclaw pull request 68079'], failover: 'provider' },
}
