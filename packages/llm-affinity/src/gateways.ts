// The entry "llm-affinity/gateways".
export type { BodyField, Evidence, Gateway, Result } from './gateways/gateway.js'
export { gatewayAt } from './gateways/hosts.js'
export { type GatewayName, type Gateways, gateways } from './gateways/table.js'
