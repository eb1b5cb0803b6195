// The entry "llm-affinity/undici".
export type { DispatchRequest } from './integrations/undici/dispatch.js'
export { type AffinityInterceptor, affinityInterceptor } from './integrations/undici/interceptor.js'
