// An agent and the calls around it. What each has cached is worth keeping, so each has a key of its own; a title, which
// is asked for once and reads nothing that comes again, has none.
import { runWithoutSession, Session, withAffinity } from 'llm-affinity'
import { startRecorder } from 'llm-affinity-testkit'
import OpenAI from 'openai'
import { show } from './show.ts'

// Stands in for your gateway, and keeps what it is sent.
await using gateway = await startRecorder()

const openai = withAffinity(new OpenAI({ baseURL: gateway.baseURL, apiKey: 'none' }))

/** Anything that talks to a model in turns and remembers them: the agent, its memory, its sub-agents. */
class Dialogue {
  readonly messages: OpenAI.ChatCompletionMessageParam[] = []
  readonly session: Session

  constructor(session: Session) {
    this.session = session
  }

  async say(content: string): Promise<string> {
    this.messages.push({ role: 'user', content })
    const answer = await this.session.run(() => complete(this.messages))
    this.messages.push({ role: 'assistant', content: answer })
    return answer
  }
}

async function complete(messages: OpenAI.ChatCompletionMessageParam[]): Promise<string> {
  const completion = await openai.chat.completions.create({ model: 'test-model', messages })
  return completion.choices[0]?.message.content ?? ''
}

const session = new Session('conversation-42')
const agent = new Dialogue(session)

// A lane has the same key whenever it is asked for, and so finds its own prompt cached at the next turn.
const memory = new Dialogue(session.lane('memory'))

for (const turn of ['turn 1', 'turn 2']) {
  const answer = await agent.say(turn)
  await memory.say(`memory of ${turn}: ${answer}`)
}

await runWithoutSession(() => complete([{ role: 'user', content: 'title' }]))

// A sub-agent reads a prompt of its own, several times. Named, it is found again; without a name it is new each time.
const search = new Dialogue(session.child('search'))
await search.say('search, step 1')
await search.say('search, step 2')

// Two that work at the same time, each with a key that nobody else has.
await Promise.all(['reader A', 'reader B'].map((reader) => new Dialogue(session.child()).say(reader)))

await agent.say('turn 3')

show(gateway)
