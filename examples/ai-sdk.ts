// The Vercel AI SDK: an agent with tools. Its providers read the global fetch at each call, so that one patch is enough.
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { generateText, stepCountIs, ToolLoopAgent, tool } from 'ai'
import { patchGlobalFetch, runWithoutSession, runWithSession } from 'llm-affinity'
import { callTool, say, startRecorder } from 'llm-affinity-testkit'
import { z } from 'zod'
import { show } from './show.ts'

// Stands in for your gateway, and keeps what it is sent.
await using gateway = await startRecorder()

patchGlobalFetch({ origins: gateway.origin })

const provider = createOpenAICompatible({ name: 'gateway', baseURL: gateway.baseURL, apiKey: 'none' })
const model = provider('test-model')

const weather = tool({
  description: 'The weather in a city',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `Snow in ${city}`,
})
const agent = new ToolLoopAgent({ model, tools: { weather }, stopWhen: stepCountIs(5) })

gateway.script(
  callTool('weather', { city: 'Oslo' }),
  callTool('weather', { city: 'Bergen' }),
  say('Take your skis.'),
  say('Weather'),
  callTool('weather', { city: 'Narvik' }),
  say('There, too.'),
)

await runWithSession('conversation-42', async () => {
  await agent.generate({ prompt: 'turn 1' })

  await runWithoutSession(() => generateText({ model, prompt: 'title' }))
})

// The steps of a stream are sent as it is read. They belong to the conversation that began it, whoever reads.
const stream = await runWithSession('conversation-42', () => agent.stream({ prompt: 'turn 2, streamed' }))
await stream.consumeStream()

show(gateway)
