// Mastra: an agent whose model is a URL. It takes no client and no fetch, but reads the global one at each call.
import { Agent } from '@mastra/core/agent'
import { createTool } from '@mastra/core/tools'
import { patchGlobalFetch, runWithoutSession, runWithSession } from 'llm-affinity'
import { callTool, say, startRecorder } from 'llm-affinity-testkit'
import { z } from 'zod'
import { show } from './show.ts'

// Stands in for your gateway, and keeps what it is sent.
await using gateway = await startRecorder()

patchGlobalFetch({ origins: gateway.origin })

const weather = createTool({
  id: 'weather',
  description: 'The weather in a city',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `Snow in ${city}`,
})
const agent = new Agent({
  id: 'guide',
  name: 'guide',
  instructions: 'You know the weather.',
  model: { id: 'gateway/test-model', url: gateway.baseURL, apiKey: 'none' },
  tools: { weather },
})

gateway.script(callTool('weather', { city: 'Oslo' }), say('Take your skis.'))

await runWithSession('conversation-42', async () => {
  await agent.generate('turn 1')

  await runWithoutSession(() => agent.generate('title'))

  const stream = await agent.stream('turn 2, streamed')
  await stream.text
})

show(gateway)
