// Where each row of gateways.ts comes from, and how sure it is. Read by the docs and the tests; nothing of the package
// imports it, so it is in no bundle.

import type { GatewayName } from './gateways.js'

/** What stands behind a row. */
export interface Source {
  /** `run`: our tests run the real program. `source`: read in its source. `docs`: in its makers' words. `clients`: in other clients only. */
  readonly sure: 'run' | 'source' | 'docs' | 'clients'
  /** Repositories with a path, or pages. */
  readonly from: readonly string[]
  /** Who sends a call elsewhere when the pinned backend cannot take it; `operator` where its config decides. */
  readonly failover: 'gateway' | 'provider' | 'operator'
}

export const sources: Readonly<Record<GatewayName, Source>> = {
  aibrix: {
    sure: 'source',
    from: ['vllm-project/aibrix: pkg/plugins/gateway/algorithms/simple_session_affinity.go'],
    failover: 'gateway',
  },
  'azure-openai': {
    sure: 'docs',
    from: ['learn.microsoft.com/azure/foundry/openai/how-to/prompt-caching'],
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
    failover: 'gateway',
  },
  cliproxyapi: {
    sure: 'run',
    from: ['router-for-me/CLIProxyAPI: sdk/cliproxy/session/identity.go', 'internal/logging/cpa_trace.go'],
    failover: 'gateway',
  },
  dynamo: {
    sure: 'docs',
    from: ['ai-dynamo/dynamo: docs/agents/session-ids.md', 'docs/components/router/router-configuration.md'],
    failover: 'gateway',
  },
  envoy: {
    sure: 'run',
    from: ['envoyproxy/gateway: api/v1alpha1/loadbalancer_types.go'],
    failover: 'gateway',
  },
  fireworks: { sure: 'docs', from: ['docs.fireworks.ai/guides/prompt-caching'], failover: 'provider' },
  freellmapi: {
    sure: 'source',
    from: ['tashfeenahmed/freellmapi: server/src/routes/proxy.ts'],
    failover: 'gateway',
  },
  generic: {
    sure: 'run',
    from: [
      'BerriAI/litellm: litellm/proxy/litellm_pre_call_utils.py, whose generic rule does not match x-session-id up to 1.100',
    ],
    failover: 'gateway',
  },
  haproxy: { sure: 'run', from: ['haproxy/haproxy: doc/configuration.txt'], failover: 'gateway' },
  'ingress-nginx': {
    sure: 'source',
    from: ['kubernetes/ingress-nginx: rootfs/etc/nginx/lua/balancer/chash.lua'],
    failover: 'operator',
  },
  istio: { sure: 'source', from: ['istio/api: networking/v1alpha3/destination_rule.proto'], failover: 'gateway' },
  litellm: {
    sure: 'run',
    from: ['BerriAI/litellm: litellm/router_utils/pre_call_checks/deployment_affinity_check.py'],
    failover: 'gateway',
  },
  mistral: { sure: 'docs', from: ['docs.mistral.ai, prompt caching'], failover: 'provider' },
  modal: { sure: 'docs', from: ['modal.com/docs/guide/sticky-sessions'], failover: 'provider' },
  moonshot: { sure: 'docs', from: ['platform.moonshot.ai/docs/api/chat'], failover: 'provider' },
  nginx: {
    sure: 'run',
    from: ['nginx/nginx: src/http/modules/ngx_http_upstream_hash_module.c'],
    failover: 'gateway',
  },
  none: { sure: 'docs', from: ['no key was found in what their makers say'], failover: 'provider' },
  olla: { sure: 'run', from: ['thushan/olla: internal/adapter/balancer/sticky.go'], failover: 'gateway' },
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
    sure: 'source',
    from: ['ray-project/ray: python/ray/serve/experimental/consistent_hash_router.py'],
    failover: 'gateway',
  },
  smg: {
    sure: 'run',
    from: ['smg-project/smg: model_gateway/src/policies/consistent_hashing.rs', 'manual.rs'],
    failover: 'gateway',
  },
  sub2api: {
    sure: 'source',
    from: ['Wei-Shaw/sub2api: backend/internal/service/openai_gateway_service.go'],
    failover: 'gateway',
  },
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
  zai: { sure: 'clients', from: ['openclaw/openclaw issue 68079'], failover: 'provider' },
}
