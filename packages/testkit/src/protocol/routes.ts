import type { ApiFormat } from './api-format.js'
import { chat } from './chat.js'
import { embeddings } from './embeddings.js'
import { messages } from './messages.js'
import { responses } from './responses.js'

/** The paths of each format: OpenAI, the prefix of Groq and of Azure's v1 API, Azure's deployments, Anthropic. */
export const routes: readonly { readonly path: string; readonly format: ApiFormat }[] = [
  { path: '/v1/chat/completions', format: chat },
  { path: '/openai/v1/chat/completions', format: chat },
  { path: '/openai/deployments/:deployment/chat/completions', format: chat },
  { path: '/v1/responses', format: responses },
  { path: '/openai/v1/responses', format: responses },
  { path: '/openai/responses', format: responses },
  { path: '/v1/embeddings', format: embeddings },
  { path: '/openai/v1/embeddings', format: embeddings },
  { path: '/openai/deployments/:deployment/embeddings', format: embeddings },
  { path: '/v1/messages', format: messages },
]
