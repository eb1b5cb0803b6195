// An agent as you may have one, and what its test needs of it: that the base URL can be given.
import { runWithoutSession, Session, withAffinity } from 'llm-affinity'
import OpenAI from 'openai'

export class Agent {
  readonly #openai: OpenAI
  readonly #model = 'test-model'

  constructor(baseURL: string) {
    this.#openai = withAffinity(new OpenAI({ baseURL, apiKey: 'none' }))
  }

  /** Answers each message of a conversation, and gives it a title. */
  async converse(id: string, says: readonly string[]): Promise<string> {
    const session = new Session(id)
    const messages: OpenAI.ChatCompletionMessageParam[] = []
    return session.run(async () => {
      for (const content of says) {
        messages.push({ role: 'user', content })
        messages.push({ role: 'assistant', content: await this.#ask(messages) })
      }
      return runWithoutSession(() => this.#ask([{ role: 'user', content: `A title for: ${says[0]}` }]))
    })
  }

  async #ask(messages: OpenAI.ChatCompletionMessageParam[]): Promise<string> {
    const completion = await this.#openai.chat.completions.create({ model: this.#model, messages })
    return completion.choices[0]?.message.content ?? ''
  }
}
