// One turn of a conversation, and the three kinds of work beside it. This file is what the app is about: who makes a call
// in which scope.
import { currentSession, runWithoutSession } from 'llm-affinity'
import type { Chats } from './chats.ts'
import type { Conversation } from './conversation.ts'
import type { Answer, Ask, Prompt } from './model.ts'

/** A message that begins like this is researched by a sub-agent before it is answered. */
const RESEARCH = '/research '
/** A history of so many messages is compacted, and this is what is left of it beside the summary. */
const LONG = 8
const KEPT = 2

/** Never rejects: where the turn fails, the chat says so. */
export async function takeTurn(ask: Ask, chats: Chats, conversation: Conversation, said: string): Promise<void> {
  const { session } = conversation
  const turn = () => answer(ask, chats, conversation, said)
  chats.begin(conversation, said)
  try {
    // The switch of the page. An app has the first of the two alone.
    await (chats.affinity ? session.run(turn) : runWithoutSession(turn))
    chats.end(conversation)
  } catch (error) {
    chats.end(conversation, error instanceof Error ? error.message : String(error))
  }
}

async function answer(ask: Ask, chats: Chats, conversation: Conversation, said: string): Promise<void> {
  const isFirst = conversation.history.length === 0
  const finding = said.startsWith(RESEARCH) ? await research(ask, chats, conversation, said) : ''
  const asked = { role: 'user' as const, content: `${said}${finding}` }

  const main = async () => {
    const prompt = { instructions: conversation.instructions, messages: [...conversation.history, asked] }
    const answered = await ask(prompt, (text) => chats.text(conversation, text))
    chats.called(conversation, 'turn', answered)
    conversation.history.push(asked, { role: 'assistant', content: answered.text })
  }
  await Promise.all([main(), isFirst ? title(ask, chats, conversation, said) : undefined])
  if (conversation.history.length >= LONG) await compact(ask, chats, conversation)
}

/** A side call: its prompt has nothing in common with the conversation's, whose cache it would only push out. */
async function title(ask: Ask, chats: Chats, conversation: Conversation, said: string): Promise<void> {
  const prompt = oneMessage('Write a title of at most five words for the conversation that begins like this.', said)
  const answered = await optional(() => runWithoutSession(() => ask(prompt)))
  if (answered === undefined) return
  chats.called(conversation, 'title', answered)
  chats.rename(conversation, answered.text)
}

/** A side call, too: what it reads is about to be forgotten. */
async function compact(ask: Ask, chats: Chats, conversation: Conversation): Promise<void> {
  const old = conversation.history.slice(0, -KEPT)
  const text = old.map(({ role, content }) => `${role}: ${content}`).join('\n')
  const prompt = oneMessage('Summarise this conversation, so that it can go on from the summary.', text)
  const answered = await optional(() => runWithoutSession(() => ask(prompt)))
  if (answered === undefined) return
  chats.called(conversation, 'compaction', answered)
  const summary = { role: 'user' as const, content: `A summary of what was said before: ${answered.text}` }
  conversation.history.splice(0, old.length, summary)
}

/** A sub-agent reads its own prompt several times, so it has a session of its own: a child of the conversation's. */
async function research(ask: Ask, chats: Chats, conversation: Conversation, said: string): Promise<string> {
  return inChild('research', async () => {
    const instructions = 'You are a researcher. Look for facts about what you are asked, and say where they are from.'
    const messages: Prompt['messages'] = [{ role: 'user', content: said.slice(RESEARCH.length) }]
    let found = ''
    for (const next of ['Check what you have found.', undefined]) {
      const answered = await ask({ instructions, messages })
      chats.called(conversation, 'research', answered)
      found = answered.text
      if (next !== undefined) messages.push({ role: 'assistant', content: found }, { role: 'user', content: next })
    }
    return `\n\nThe researcher has found: ${found}`
  })
}

function inChild<T>(name: string, run: () => T): T {
  const session = currentSession()
  // With affinity switched off there is none, and then the sub-agent has none either.
  return session === undefined ? run() : session.child(name).run(run)
}

const oneMessage = (instructions: string, content: string): Prompt => ({
  instructions,
  messages: [{ role: 'user', content }],
})

/** The conversation goes on without a title, and with its whole history, where that call fails. */
async function optional(call: () => Promise<Answer>): Promise<Answer | undefined> {
  return await call().catch(() => undefined)
}
