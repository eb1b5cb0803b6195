// The surface of "llm-affinity". What is not here is not public: the carriers, the policy and the scope are the seams'
// own, and the undici seam is an entry of its own, so that nobody's types need undici.
export { withAffinity } from './client.js'
export { affinityFetch, type Fetch, patchGlobalFetch } from './fetch.js'
export type { BodyField, Evidence, Gateway, GatewayName, Result } from './gateways.js'
export { affinityHeaders } from './headers.js'
export type { AffinityOptions, Origins } from './policy.js'
export { type Outcome, Session, type SessionOptions, type SessionState } from './session.js'
export { currentSession, runWithoutSession, runWithSession } from './speaking.js'
