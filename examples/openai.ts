// OpenAI's client. AzureOpenAI, Groq and Together are wrapped in the same way.
import { runWithoutSession, runWithSession, withAffinity } from 'llm-affinity'
import { startRecorder } from 'llm-affinity-testkit'
import OpenAI from 'openai'
import { show } from './show.ts'

// Stands in for your gateway, and keeps what it is sent.
await using gateway = await startRecorder()

const openai = withAffinity(new OpenAI({ baseURL: gateway.baseURL, apiKey: 'none' }))
const model = 'test-model'

type Message = OpenAI.ChatCompletionMessageParam

await runWithSession('conversation-42', async () => {
  const messages: Message[] = [{ role: 'user', content: 'turn 1' }]
  messages.push({ role: 'assistant', content: await ask(messages) })

  await runWithoutSession(() => ask([{ role: 'user', content: 'title' }]))

  messages.push({ role: 'user', content: 'turn 2, streamed' })
  messages.push({ role: 'assistant', content: await askStreamed(messages) })

  await openai.responses.create({ model, input: 'turn 3, by the Responses API' })
})

await ask([{ role: 'user', content: 'outside of any conversation' }])

show(gateway)

// Deep in your code, where nobody knows of conversations:

async function ask(messages: Message[]): Promise<string> {
  const completion = await openai.chat.completions.create({ model, messages })
  return completion.choices[0]?.message.content ?? ''
}

async function askStreamed(messages: Message[]): Promise<string> {
  let answer = ''
  for await (const chunk of await openai.chat.completions.create({ model, messages, stream: true })) {
    answer += chunk.choices[0]?.delta.content ?? ''
  }
  return answer
}
