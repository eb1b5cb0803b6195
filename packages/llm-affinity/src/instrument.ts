// The entry "llm-affinity/instrument".
export { instrument } from './integrations/instrument.js'
