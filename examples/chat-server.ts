// A chat server: many conversations at once, through one client. One middleware opens the session of each request, which comes
// from the user that the server has authenticated.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { runWithoutSession, withAffinity } from 'llm-affinity'
import { serverSessions } from 'llm-affinity/server'
import { startRecorder } from 'llm-affinity-testkit'
import OpenAI from 'openai'
import { show } from './show.ts'

// Stands in for your gateway, and keeps what it is sent.
await using gateway = await startRecorder()

const openai = withAffinity(new OpenAI({ baseURL: gateway.baseURL, apiKey: 'none' }))
const model = 'test-model'

const chats = new Map<string, OpenAI.ChatCompletionMessageParam[]>()
const sessions = serverSessions({ secret: 'from your environment' })
const app = new Hono<{ Variables: { user: string | undefined } }>()

app.use(async (context, next) => {
  // Your authentication.
  context.set('user', context.req.header('authorization')?.replace('Bearer token-of-', ''))
  await next()
})
app.use(
  '/chats/:id/*',
  sessions.hono((context: Context) => ({ user: context.get('user'), conversation: context.req.param('id') })),
)

app.post('/chats/:id/turns', async (context) => {
  const id = context.req.param('id')
  const messages = chats.get(id) ?? []
  chats.set(id, messages)

  messages.push({ role: 'user', content: await context.req.text() })
  const stream = await openai.chat.completions.create({ model, messages, stream: true })
  let answer = ''
  for await (const chunk of stream) answer += chunk.choices[0]?.delta.content ?? ''
  messages.push({ role: 'assistant', content: answer })

  if (messages.length === 2) await runWithoutSession(() => title(id))
  return context.text(answer)
})

async function title(id: string): Promise<void> {
  await openai.chat.completions.create({ model, messages: [{ role: 'user', content: `title of ${id}` }] })
}

const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 })
await once(server, 'listening')
const { port } = server.address() as AddressInfo

// Six users, who talk at the same time.
const users = ['ada', 'ben', 'eve', 'ida', 'max', 'tom'].map(async (name) => {
  for (const turn of [1, 2, 3]) {
    const url = `http://127.0.0.1:${port}/chats/chat-of-${name}/turns`
    const headers = { authorization: `Bearer token-of-${name}` }
    const response = await fetch(url, { method: 'POST', headers, body: `${name}, turn ${turn}` })
    if (!response.ok) throw new Error(`the chat server answered ${response.status}`)
  }
})
await Promise.all(users)

show(gateway)
server.close()
