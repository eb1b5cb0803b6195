// The entry "llm-affinity/server".
export { type ServerSessions, serverSessions } from './server/adapters.js'
export type { Conversation, ConversationOf, ServerSessionsOptions } from './server/conversation.js'
