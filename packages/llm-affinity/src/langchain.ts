// The entry "llm-affinity/langchain".
export { type LangChainOptions, withAffinity } from './integrations/langchain/model.js'
