// The same with an SDK's client, for the runtimes that are there to run one.

import { runWithoutSession, runWithSession, Session, withAffinity } from 'llm-affinity'
import OpenAI from 'openai'

const turn = { model: 'test-model', messages: [{ role: 'user', content: 'hello' }] }

export const clientCases = {
  async openai({ home }) {
    const bare = new OpenAI({ baseURL: `${home}/v1`, apiKey: 'test', maxRetries: 2 })
    const client = withAffinity(bare)
    const texts = []
    await runWithSession('conversation-42', async () => {
      texts.push((await client.chat.completions.create(turn)).choices[0].message.content)
      let streamed = ''
      for await (const chunk of await client.chat.completions.create({ ...turn, stream: true })) {
        streamed += chunk.choices[0]?.delta.content ?? ''
      }
      texts.push(streamed)
      await runWithoutSession(() => client.chat.completions.create(turn))
    })
    await client.chat.completions.create(turn)
    return { texts, sameClass: client instanceof OpenAI && client !== bare }
  },

  async openaiBound({ home }) {
    const bare = new OpenAI({ baseURL: `${home}/v1`, apiKey: 'test' })
    const client = withAffinity(bare, { session: new Session('conversation-42') })
    await client.chat.completions.create(turn)
  },
}
