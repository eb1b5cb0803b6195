/**
 * What stands in front of the backends, as data. A gateway of your own is an object of this shape:
 *
 * @example
 * withAffinity(client, { gateway: { name: 'ours', headers: ['x-conversation'] } })
 */
export interface Gateway {
  /** How messages call it. */
  readonly name: string
  /** The request headers that carry the key; all of them, with the same value. */
  readonly headers: readonly string[]
  /** The hosts that it is known by: `api.example.com`, or `*.example.com` for every host below it. */
  readonly hosts?: readonly string[]
  /** It refuses calls without a key, so that a sidecar must carry one too: a lane's. */
  readonly strict?: boolean
}

/** The names of the known gateways. */
export type GatewayName = 'generic' | 'litellm' | 'modal' | 'olla' | 'openrouter' | 'workers-ai'

// One row a gateway. Source and how sure the fact is stand above each row: S read in source, D in its docs. What only
// other clients were seen to send is not here.
const rows: Record<GatewayName, Omit<Gateway, 'name'>> = {
  // What balancers are mostly configured for (Caddy, nginx, HAProxy, Envoy, vLLM, Ray Serve), and LiteLLM's own name,
  // since its generic rule does not match x-session-id. S
  generic: { headers: ['x-session-id', 'x-litellm-session-id'] },
  // BerriAI/litellm: litellm/proxy/litellm_pre_call_utils.py. S
  litellm: { headers: ['x-litellm-session-id'] },
  // modal.com/docs/guide/sticky-sessions: best-effort rendezvous hash. D
  modal: { headers: ['modal-session-id'], hosts: ['*.modal.run'] },
  // thushan/olla: internal/adapter/balancer/sticky.go; x-session-id is ignored. S
  olla: { headers: ['x-olla-session-id'] },
  // openrouter.ai/docs, prompt caching guide: header x-session-id, up to 256 characters. D
  openrouter: { headers: ['x-session-id'], hosts: ['openrouter.ai'] },
  // cloudflare/cloudflare-docs: workers-ai/features/prompt-caching.mdx. D
  'workers-ai': { headers: ['x-session-affinity'], hosts: ['api.cloudflare.com'] },
}

/** The table of known gateways, by name. */
export const gateways: ReadonlyMap<string, Gateway> = new Map(
  Object.entries(rows).map(([name, row]) => [name, Object.freeze({ name, ...row })]),
)
