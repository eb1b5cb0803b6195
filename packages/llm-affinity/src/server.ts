// The entry "llm-affinity/server".
export { type NestContext, type NestInterceptor, type ServerSessions, serverSessions } from './server/adapters.js'
export type { Conversation, ConversationOf, Found, ServerSessionsOptions } from './server/conversation.js'
