import { chat } from './chat.js'
import type { Dialect } from './dialect.js'
import { embeddings } from './embeddings.js'
import { messages } from './messages.js'
import { responses } from './responses.js'

/** Where each dialect is spoken: OpenAI itself, Groq's and Azure's newer prefix, Azure's deployments, Anthropic. */
export const routes: readonly { readonly path: string; readonly dialect: Dialect }[] = [
  { path: '/v1/chat/completions', dialect: chat },
  { path: '/openai/v1/chat/completions', dialect: chat },
  { path: '/openai/deployments/:deployment/chat/completions', dialect: chat },
  { path: '/v1/responses', dialect: responses },
  { path: '/openai/v1/responses', dialect: responses },
  { path: '/openai/responses', dialect: responses },
  { path: '/v1/embeddings', dialect: embeddings },
  { path: '/openai/v1/embeddings', dialect: embeddings },
  { path: '/openai/deployments/:deployment/embeddings', dialect: embeddings },
  { path: '/v1/messages', dialect: messages },
]
