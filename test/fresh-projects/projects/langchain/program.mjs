// Every way to call a LangChain model, each by many conversations at once, with side calls between. A prompt says which call
// it is, which conversation it belongs to, and whether it is a side call: `turn of conversation-3 by chat, two at a time`.

import { ChatAnthropic } from '@langchain/anthropic'
import { BaseCallbackHandler } from '@langchain/core/callbacks/base'
import { awaitAllCallbacks } from '@langchain/core/callbacks/promises'
import { RunnableLambda } from '@langchain/core/runnables'
import { ChatGroq } from '@langchain/groq'
import { MessagesAnnotation, StateGraph } from '@langchain/langgraph'
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai'
import { affinityFetch, runWithoutSession, runWithSession } from 'llm-affinity'
import { withAffinity } from 'llm-affinity/langchain'

const CONVERSATIONS = 50
const gateway = process.env.GATEWAY
const configuration = { baseURL: `${gateway}/v1` }
const openai = { model: 'm', apiKey: 'none', maxRetries: 1, configuration }
const tool = { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } }

const conversations = (fn) => Promise.all(Array.from({ length: CONVERSATIONS }, (_, i) => fn(`conversation-${i}`)))

/** Turns and side calls of all conversations, in their sessions. */
async function talk(name, call) {
  await conversations((id) =>
    runWithSession(id, async () => {
      await call(`turn of ${id} by ${name}`)
      await runWithoutSession(() => call(`side of ${id} by ${name}`))
    }),
  )
}

async function read(stream) {
  for await (const _ of await stream);
}

function calls(limit) {
  const chat = withAffinity(new ChatOpenAI({ ...openai, ...limit }))
  const responses = withAffinity(new ChatOpenAI({ ...openai, ...limit, useResponsesApi: true }))
  const anthropic = withAffinity(
    new ChatAnthropic({ model: 'm', apiKey: 'none', anthropicApiUrl: gateway, maxRetries: 1, ...limit }),
  )
  const groq = withAffinity(new ChatGroq({ model: 'm', apiKey: 'none', baseUrl: gateway, maxRetries: 1, ...limit }))
  const embeddings = withAffinity(new OpenAIEmbeddings({ ...openai, ...limit }))
  const withTools = chat.bindTools([tool])
  const graph = new StateGraph(MessagesAnnotation)
    .addNode('model', async ({ messages }) => ({ messages: [await chat.invoke(messages)] }))
    .addEdge('__start__', 'model')
    .compile()
  return {
    chat: (text) => chat.invoke(text),
    'chat stream': (text) => read(chat.stream(text)),
    'chat batch': (text) => chat.batch([text, text]),
    'chat with tools': (text) => withTools.invoke(text),
    'chat with tools, stream': (text) => read(withTools.stream(text)),
    'chat with fallbacks': (text) => chat.withFallbacks([chat]).invoke(text),
    'chat with retry': (text) => chat.withRetry().invoke(text),
    'chat in a chain': (text) =>
      RunnableLambda.from((each) => each)
        .pipe(chat)
        .invoke(text),
    'chat in a graph': (text) => graph.invoke({ messages: [{ role: 'user', content: text }] }),
    responses: (text) => responses.invoke(text),
    anthropic: (text) => anthropic.invoke(text),
    'anthropic stream': (text) => read(anthropic.stream(text)),
    groq: (text) => groq.invoke(text),
    embedQuery: (text) => embeddings.embedQuery(text),
  }
}

for (const [suffix, limit] of [
  ['', {}],
  [', two at a time', { maxConcurrency: 2 }],
]) {
  for (const [name, call] of Object.entries(calls(limit))) await talk(name + suffix, call)
}

// A handler that calls a model, in LangChain's own queue.
class Judge extends BaseCallbackHandler {
  name = 'judge'
  awaitHandlers = false
  constructor(judge, id, by) {
    super()
    this.judge = judge
    this.id = id
    this.by = by
  }
  async handleLLMEnd() {
    await this.judge.invoke(`turn of ${this.id} by ${this.by}`)
    await runWithoutSession(() => this.judge.invoke(`side of ${this.id} by ${this.by}`))
  }
}
const chat = withAffinity(new ChatOpenAI({ ...openai, maxConcurrency: 2 }))
const judges = {
  'a wrapped judge': chat,
  'a judge with affinityFetch': new ChatOpenAI({
    ...openai,
    configuration: { ...configuration, fetch: affinityFetch() },
  }),
}
for (const [by, judge] of Object.entries(judges)) {
  const callbacks = (id) => ({ callbacks: [new Judge(judge, id, by)] })
  await conversations((id) => runWithSession(id, () => chat.invoke(`turn of ${id} by judged chat`, callbacks(id))))
  await conversations((id) =>
    runWithSession(id, () => read(chat.stream(`turn of ${id} by judged stream`, callbacks(id)))),
  )
  await conversations((id) =>
    runWithSession(id, () =>
      RunnableLambda.from((each) => each)
        .pipe(chat)
        .invoke(`turn of ${id} by judged chain`, callbacks(id)),
    ),
  )
  await awaitAllCallbacks()
}

// The thread of a graph is the session, without runWithSession.
const threaded = withAffinity(new ChatOpenAI({ ...openai, maxConcurrency: 2 }), { threads: true })
const graph = new StateGraph(MessagesAnnotation)
  .addNode('model', async ({ messages }) => {
    const [{ content }] = messages
    await runWithoutSession(() => threaded.invoke(content.replace('turn', 'side')))
    return { messages: [await threaded.invoke(content)] }
  })
  .addEdge('__start__', 'model')
  .compile()
const config = (id) => ({ configurable: { thread_id: id } })
await conversations((id) => threaded.invoke(`turn of ${id} by thread`, config(id)))
await conversations((id) => read(threaded.stream(`turn of ${id} by thread, stream`, config(id))))
await conversations((id) =>
  graph.invoke({ messages: [{ role: 'user', content: `turn of ${id} by thread of a graph` }] }, config(id)),
)
// Node's own fetch keeps its sockets.
process.exit()
