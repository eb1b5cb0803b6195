import type { BodyField, Gateway } from './gateway.js'

/** The names of the known gateways. */
export type GatewayName =
  | 'aibrix'
  | 'azure-openai'
  | 'baseten'
  | 'bifrost'
  | 'caddy'
  | 'cliproxyapi'
  | 'deepinfra'
  | 'dynamo'
  | 'envoy'
  | 'fireworks'
  | 'freellmapi'
  | 'generic'
  | 'haproxy'
  | 'ingress-nginx'
  | 'istio'
  | 'litellm'
  | 'llmgateway'
  | 'mistral'
  | 'modal'
  | 'moonshot'
  | 'nginx'
  | 'none'
  | 'olla'
  | 'openai'
  | 'opencode'
  | 'openrouter'
  | 'production-stack'
  | 'ray-serve'
  | 'sagemaker'
  | 'smg'
  | 'sub2api'
  | 'vertex'
  | 'vllm-router'
  | 'workers-ai'
  | 'xai'
  | 'zai'

const plain = { headers: ['x-session-id'] }
// The configurations in docs/gateways add this header, since balancers do not name the backend by default.
const balancer = { ...plain, evidence: { backend: 'x-backend' } }
const promptCacheKey = (...paths: string[]): { headers: string[]; body: BodyField } => ({
  headers: [],
  body: { field: 'prompt_cache_key', paths },
})

// One entry per gateway. Their sources are in sources.ts, which is not bundled. A provider that reads no key, or for which
// that is not certain, has its host in `none`: nothing is sent to it unless the user names its gateway.
const entries: Record<GatewayName, Omit<Gateway, 'name'>> = {
  aibrix: { headers: ['x-aibrix-session-key'], pinsPerModel: true, evidence: { backend: 'target-pod' } },
  // Not by host: models of other makers behind the same URLs refuse the field.
  'azure-openai': promptCacheKey('/openai/v1/chat/completions', '/openai/v1/responses', '/openai/v1/responses/compact'),
  // The second is what clients send to its shared models, whose host is in `none`.
  baseten: { headers: ['x-baseten-session-id', 'x-session-affinity'], hosts: ['*.api.baseten.co'] },
  bifrost: { headers: ['x-bf-session-id'], pinsPerModel: true },
  caddy: balancer,
  cliproxyapi: {
    ...plain,
    pinsPerModel: true,
    evidence: { backend: 'x-cpa-trace-id', backendPattern: /^[^-]+-([^-]+)-[^,]*$/ },
  },
  deepinfra: { ...promptCacheKey('/v1/openai/chat/completions'), hosts: ['api.deepinfra.com'] },
  // Without its x-dynamo-parent-session-id, which puts all children of a session on one worker that is not the parent's.
  dynamo: { headers: ['x-dynamo-session-id'] },
  envoy: balancer,
  fireworks: { headers: ['x-session-affinity'], hosts: ['api.fireworks.ai'] },
  // A provider and a model, and not which of several accounts or endpoints; or its cache, which is not a backend.
  freellmapi: {
    ...plain,
    evidence: {
      backend: 'x-routed-via',
      backendPattern: /^(?!cache$).*/,
      ambiguous: true,
      failureHeaders: ['x-fallback-attempts'],
    },
  },
  // LiteLLM's own name too, since its generic rule does not match x-session-id up to 1.100.
  generic: { ...balancer, headers: ['x-session-id', 'x-litellm-session-id'] },
  // A stick-table of type string keeps 32 characters.
  haproxy: { ...balancer, keyPattern: /^.{1,32}$/ },
  'ingress-nginx': balancer,
  istio: balancer,
  litellm: {
    headers: ['x-litellm-session-id'],
    pinsPerModel: true,
    evidence: {
      // With its discovery of pods, many have one id; several ids may share a base.
      backend: ['x-litellm-model-id', 'x-litellm-model-api-base'],
      model: 'x-litellm-model-group',
      retryHeaders: ['x-litellm-attempted-retries', 'x-litellm-attempted-fallbacks'],
    },
  },
  llmgateway: { ...plain, hosts: ['api.llmgateway.io'] },
  mistral: {
    ...promptCacheKey('/v1/chat/completions', '/v1/fim/completions', '/v1/agents/completions'),
    hosts: ['api.mistral.ai', 'api.eu.mistral.ai', 'api.us.mistral.ai'],
  },
  modal: { headers: ['modal-session-id'], hosts: ['*.modal.run', '*.modal.direct'] },
  moonshot: { ...promptCacheKey('/v1/chat/completions'), hosts: ['api.moonshot.ai', 'api.moonshot.cn'] },
  nginx: balancer,
  none: {
    headers: [],
    hosts: [
      '*.googleapis.com',
      '*.openai.azure.com',
      '*.services.ai.azure.com',
      'api.*.nebius.com',
      'api.anthropic.com',
      'api.cerebras.ai',
      'api.deepseek.com',
      'api.groq.com',
      'api.novita.ai',
      'api.sambanova.ai',
      'api.together.ai',
      'api.together.xyz',
      'api.z.ai',
      'bedrock-mantle.*.api.aws',
      'bedrock-runtime.*.amazonaws.com',
      'codestral.mistral.ai',
      'inference.baseten.co',
      'integrate.api.nvidia.com',
      'open.bigmodel.cn',
    ],
  },
  olla: {
    headers: ['x-olla-session-id'],
    pinsPerModel: true,
    evidence: {
      outcome: 'x-olla-sticky-session',
      outcomeValues: { hit: 'hit', miss: 'miss', repin: 'repin', disabled: 'disabled' },
      backend: 'x-olla-endpoint',
      source: 'x-olla-sticky-key-source',
      echo: 'x-olla-session-id',
    },
  },
  openai: {
    ...promptCacheKey('/v1/chat/completions', '/v1/decisions', '/v1/responses', '/v1/responses/compact'),
    hosts: ['api.openai.com', '*.api.openai.com'],
  },
  opencode: { headers: ['x-opencode-session'], hosts: ['opencode.ai'], requiresKey: true },
  openrouter: { ...plain, pinsPerModel: true, hosts: ['openrouter.ai', '*.openrouter.ai'] },
  'production-stack': plain,
  'ray-serve': plain,
  sagemaker: { headers: ['x-amzn-sagemaker-prefix-aware-id'] },
  smg: { headers: ['x-smg-routing-key'], evidence: { backend: 'x-smg-routed-worker-id' } },
  sub2api: plain,
  vertex: { headers: ['x-vertex-ai-session-id'] },
  // Chats without a key are hashed by an empty text, and all land on one worker.
  'vllm-router': { ...plain, requiresKey: true },
  'workers-ai': { headers: ['x-session-affinity'], hosts: ['api.cloudflare.com'] },
  xai: { ...promptCacheKey('/v1/responses'), headers: ['x-grok-conv-id'], hosts: ['api.x.ai', '*.api.x.ai'] },
  zai: plain,
}

/** The known gateways, by name. */
export type Gateways = { get(name: GatewayName): Gateway } & ReadonlyMap<string, Gateway>

/** The table of known gateways. */
export const gateways: Gateways = new Map(
  Object.entries(entries).map(([name, entry]) => [name, frozen({ name, ...entry })]),
) as ReadonlyMap<string, Gateway> as Gateways

// Rows share parts, and tools are handed the table.
function frozen<Part>(part: Part): Part {
  if (typeof part === 'object') for (const inner of Object.values(part ?? {})) frozen(inner)
  return Object.freeze(part)
}
