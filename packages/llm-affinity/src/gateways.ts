/**
 * What stands in front of the backends, as data. A gateway of your own is an object of this shape:
 *
 * @example
 * withAffinity(client, { gateway: { name: 'ours', headers: ['x-conversation'], evidence: { backend: 'x-served-by' } } })
 */
export interface Gateway {
  /** How messages and outcomes call it. */
  readonly name: string
  /** The request headers that carry the key; all of them, with the same value. Empty where it reads none. */
  readonly headers: readonly string[]
  /** The header that carries the key of the session that this one is a child, lane or fork of. */
  readonly parent?: string
  /** The body field that carries the key, where no header does. Written into bodies that are the text of a JSON object. */
  readonly body?: BodyField
  /** The keys that it keeps whole. Any other is sent as 32 hex characters of its SHA-256, which this must match. */
  readonly value?: RegExp
  /** The hosts that it is known by: `api.example.com`, or `*.example.com` for every host below it. */
  readonly hosts?: readonly string[]
  /** It refuses calls without a key, or sends all of them to one backend, so that a sidecar must carry one too: a lane's. */
  readonly strict?: boolean
  /** Its pins are for a session and a model, and not for a session alone: turns of two models are never compared. */
  readonly perModel?: boolean
  /** What its answers say of where they come from. */
  readonly evidence?: Evidence
}

/** A field at the top of a JSON body, or below it. */
export interface BodyField {
  /** Its name, or a path with dots: `metadata.session_id`. */
  readonly field: string
  /** How the URL paths end that take it. A field that an API does not know makes some refuse the call. */
  readonly paths: readonly string[]
}

/** Response headers to read, by name. All are optional, and only what is there and sound counts. */
export interface Evidence {
  /** Says what became of the pin. */
  readonly outcome?: string
  /** What its words mean. Any other word means nothing. */
  readonly words?: Readonly<Record<string, Result>>
  /** Names the backend that answered. */
  readonly backend?: string
  /** Where that is only a part of the header: what the first group of this matches. */
  readonly part?: RegExp
  /** Says what the gateway took the key from. */
  readonly source?: string
  /** Returns the key: where it is another one than was sent, the answer is no evidence. */
  readonly echo?: string
  /** The model that was asked for, where the request's own body cannot be read. */
  readonly model?: string
  /** Counts the tries that failed before this answer, one header or several. */
  readonly retries?: readonly string[]
}

/**
 * What became of the pin: `hit` it held; `miss` there was none; `repin` the gateway moved it; `moved` another backend
 * answered than last time; `disabled` the gateway does not pin this call; `unknown` nobody can tell.
 */
export type Result = 'hit' | 'miss' | 'repin' | 'moved' | 'disabled' | 'unknown'

/** The names of the known gateways. */
export type GatewayName =
  | 'aibrix'
  | 'azure-openai'
  | 'bifrost'
  | 'caddy'
  | 'cliproxyapi'
  | 'dynamo'
  | 'envoy'
  | 'fireworks'
  | 'freellmapi'
  | 'generic'
  | 'haproxy'
  | 'ingress-nginx'
  | 'istio'
  | 'litellm'
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
  | 'smg'
  | 'sub2api'
  | 'vllm-router'
  | 'workers-ai'
  | 'xai'
  | 'zai'

const X_SESSION_ID = ['x-session-id']
const X_SESSION_AFFINITY = ['x-session-affinity']
// What our recipes have a balancer write, since none says by itself who answered.
const balancer = { headers: X_SESSION_ID, evidence: { backend: 'x-backend' } }
const promptCacheKey = (...paths: string[]): BodyField => ({ field: 'prompt_cache_key', paths })

// One row a gateway. Sources, and how sure each row is, stand in sources.ts, which is in no bundle. A provider that is
// known to read no key, or only said to read one, has its host in `none`: what is not sure is sent to nobody who did not
// name it.
const rows: Record<GatewayName, Omit<Gateway, 'name'>> = {
  aibrix: { headers: ['x-aibrix-session-key'], perModel: true, evidence: { backend: 'target-pod' } },
  // Not by host: models of other makers behind the same URLs refuse the field.
  'azure-openai': {
    headers: [],
    body: promptCacheKey('/openai/v1/chat/completions', '/openai/v1/responses', '/openai/v1/responses/compact'),
  },
  bifrost: { headers: ['x-bf-session-id'], perModel: true },
  caddy: balancer,
  cliproxyapi: {
    headers: X_SESSION_ID,
    perModel: true,
    evidence: { backend: 'x-cpa-trace-id', part: /^[^-]+-([^-]+)-[^,]*$/ },
  },
  dynamo: { headers: ['x-dynamo-session-id'], parent: 'x-dynamo-parent-session-id' },
  envoy: balancer,
  fireworks: { headers: X_SESSION_AFFINITY, hosts: ['api.fireworks.ai'] },
  freellmapi: { headers: X_SESSION_ID, evidence: { backend: 'x-routed-via', retries: ['x-fallback-attempts'] } },
  // LiteLLM's own name too, since its generic rule does not match x-session-id up to 1.100.
  generic: { ...balancer, headers: ['x-session-id', 'x-litellm-session-id'] },
  // A stick-table of type string keeps 32 characters.
  haproxy: { ...balancer, value: /^.{1,32}$/ },
  'ingress-nginx': balancer,
  istio: balancer,
  litellm: {
    headers: ['x-litellm-session-id'],
    perModel: true,
    evidence: {
      backend: 'x-litellm-model-id',
      model: 'x-litellm-model-group',
      retries: ['x-litellm-attempted-retries', 'x-litellm-attempted-fallbacks'],
    },
  },
  mistral: {
    headers: [],
    body: promptCacheKey('/v1/chat/completions', '/v1/fim/completions', '/v1/agents/completions'),
    hosts: ['api.mistral.ai', 'api.eu.mistral.ai', 'api.us.mistral.ai'],
  },
  modal: { headers: ['modal-session-id'], hosts: ['*.modal.run', '*.modal.direct'] },
  moonshot: {
    headers: [],
    body: promptCacheKey('/v1/chat/completions'),
    hosts: ['api.moonshot.ai', 'api.moonshot.cn'],
  },
  nginx: balancer,
  none: {
    headers: [],
    hosts: [
      '*.openai.azure.com',
      '*.services.ai.azure.com',
      'api.anthropic.com',
      'api.cerebras.ai',
      'api.deepseek.com',
      'api.groq.com',
      'api.together.xyz',
      'api.z.ai',
      'generativelanguage.googleapis.com',
      'open.bigmodel.cn',
    ],
  },
  olla: {
    headers: ['x-olla-session-id'],
    perModel: true,
    evidence: {
      outcome: 'x-olla-sticky-session',
      words: { hit: 'hit', miss: 'miss', repin: 'repin', disabled: 'disabled' },
      backend: 'x-olla-endpoint',
      source: 'x-olla-sticky-key-source',
      echo: 'x-olla-session-id',
    },
  },
  openai: {
    headers: [],
    body: promptCacheKey('/v1/chat/completions', '/v1/responses', '/v1/responses/compact'),
    hosts: ['api.openai.com', '*.api.openai.com'],
  },
  opencode: { headers: ['x-opencode-session'], hosts: ['opencode.ai'], strict: true },
  openrouter: { headers: X_SESSION_ID, perModel: true, hosts: ['openrouter.ai', '*.openrouter.ai'] },
  'production-stack': { headers: X_SESSION_ID },
  'ray-serve': { headers: X_SESSION_ID },
  smg: { headers: ['x-smg-routing-key'], evidence: { backend: 'x-smg-routed-worker-id' } },
  sub2api: { headers: X_SESSION_ID },
  // Chats without a key are hashed by an empty text, and all land on one worker.
  'vllm-router': { headers: X_SESSION_ID, strict: true },
  'workers-ai': { headers: X_SESSION_AFFINITY, hosts: ['api.cloudflare.com'] },
  xai: { headers: ['x-grok-conv-id'], body: promptCacheKey('/v1/responses'), hosts: ['api.x.ai', '*.api.x.ai'] },
  zai: { headers: X_SESSION_ID },
}

/** The table of known gateways, by name. */
export const gateways: ReadonlyMap<string, Gateway> = new Map(
  Object.entries(rows).map(([name, row]) => [name, frozen({ name, ...row })]),
)

// Rows share parts, and tools are handed the table.
function frozen<Part>(part: Part): Part {
  if (typeof part === 'object') for (const inner of Object.values(part ?? {})) frozen(inner)
  return Object.freeze(part)
}
