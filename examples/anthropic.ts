// Anthropic's client, and what to do where a call is made outside of its conversation's scope.
import Anthropic from '@anthropic-ai/sdk'
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema'
import { runWithoutSession, Session, withAffinity } from 'llm-affinity'
import { callTool, startRecorder } from 'llm-affinity-testkit'
import { show } from './show.ts'

// Stands in for your gateway, and keeps what it is sent.
await using gateway = await startRecorder()

const anthropic = withAffinity(new Anthropic({ baseURL: gateway.origin, apiKey: 'none' }))
const base = { model: 'test-model', max_tokens: 256 }

const conversation = new Session('conversation-42')

await conversation.run(async () => {
  await anthropic.messages.create({ ...base, messages: [{ role: 'user', content: 'turn 1' }] })

  const stream = anthropic.messages.stream({ ...base, messages: [{ role: 'user', content: 'turn 2, streamed' }] })
  await stream.finalText()

  await runWithoutSession(() => anthropic.messages.create({ ...base, messages: [{ role: 'user', content: 'title' }] }))
})

// A tool runner calls whenever it is awaited, wherever that is. A client with a bound session needs no scope.
const bound = withAffinity(anthropic, { session: conversation })
const weather = betaTool({
  name: 'weather',
  description: 'The weather in a city',
  inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  run: ({ city }) => `Snow in ${city}`,
})

gateway.script(callTool('weather', { city: 'Oslo' }))
await bound.beta.messages.toolRunner({
  ...base,
  messages: [{ role: 'user', content: 'turn 3, by a tool runner' }],
  tools: [weather],
})

show(gateway)
