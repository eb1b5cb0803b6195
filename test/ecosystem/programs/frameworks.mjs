// Frameworks: each with the integration that docs/frameworks.md names for it.

import { affinityFetch, patchGlobalFetch, withAffinity } from 'llm-affinity'
import { withAffinity as withAffinityOfLangChain } from 'llm-affinity/langchain'

const model = 'test-model'
const parameters = { type: 'object', properties: {} }

async function read(stream) {
  for await (const _ of stream) {
    // Until its end.
  }
}

export const adapters = {
  'ai-sdk': async ({ baseURL, load }) => {
    const ai = await load('ai')
    const { createOpenAICompatible } = await load('@ai-sdk/openai-compatible')
    const provider = createOpenAICompatible({ name: 'g', baseURL, fetch: affinityFetch({ origins: baseURL }) })
    return aiCalls(ai, provider(model))
  },

  'ai-sdk patched': async ({ baseURL, load }) => {
    const ai = await load('ai')
    const { createOpenAICompatible } = await load('@ai-sdk/openai-compatible')
    // A model that other code has made.
    const made = createOpenAICompatible({ name: 'g', baseURL })(model)
    return { ...aiCalls(ai, made), close: patchGlobalFetch({ origins: baseURL }) }
  },

  'ai-sdk openai': async ({ baseURL, load }) => {
    const { createOpenAI } = await load('@ai-sdk/openai')
    const provider = createOpenAI({ baseURL, apiKey: 'none', fetch: affinityFetch({ origins: baseURL }) })
    return aiCalls(await load('ai'), provider(model))
  },

  'ai-sdk anthropic': async ({ baseURL, load }) => {
    const { createAnthropic } = await load('@ai-sdk/anthropic')
    const provider = createAnthropic({ baseURL, apiKey: 'none', fetch: affinityFetch({ origins: baseURL }) })
    return aiCalls(await load('ai'), provider(model))
  },

  'ai-sdk groq': async ({ baseURL, load }) => {
    const { createGroq } = await load('@ai-sdk/groq')
    const provider = createGroq({ baseURL, apiKey: 'none', fetch: affinityFetch({ origins: baseURL }) })
    return aiCalls(await load('ai'), provider(model))
  },

  'ai-sdk mistral': async ({ baseURL, load }) => {
    const { createMistral } = await load('@ai-sdk/mistral')
    const provider = createMistral({ baseURL, apiKey: 'none', fetch: affinityFetch({ origins: baseURL }) })
    return aiCalls(await load('ai'), provider(model))
  },

  'openai-agents': async ({ baseURL, load }) => {
    const { Agent, OpenAIProvider, Runner, tool, setTracingDisabled } = await load('@openai/agents')
    const { default: OpenAI } = await load('openai')
    setTracingDisabled(true)
    const openAIClient = withAffinity(new OpenAI({ baseURL, apiKey: 'none' }))
    const runner = new Runner({ modelProvider: new OpenAIProvider({ openAIClient }) })
    const agent = new Agent({ name: 'guide', model })
    const look = tool({
      name: 'look',
      description: 'Looks.',
      parameters: { ...parameters, required: [], additionalProperties: false },
      strict: true,
      execute: () => 'Seen.',
    })
    const toolAgent = new Agent({ name: 'guide', model, tools: [look] })
    return {
      plain: (text) => runner.run(agent, text),
      stream: async (text) => {
        const result = await runner.run(agent, text, { stream: true })
        await read(result)
        await result.completed
      },
      tools: (text) => runner.run(toolAgent, text),
    }
  },

  'langchain openai': async ({ baseURL, load }) => {
    const { ChatOpenAI } = await load('@langchain/openai')
    const options = { model, apiKey: 'none', configuration: { baseURL }, maxConcurrency: 2 }
    return langChainCalls(withAffinityOfLangChain(new ChatOpenAI(options)))
  },

  'langchain embeddings': async ({ baseURL, load }) => {
    const { OpenAIEmbeddings } = await load('@langchain/openai')
    const embeddings = withAffinityOfLangChain(new OpenAIEmbeddings({ apiKey: 'none', configuration: { baseURL } }))
    return { plain: (text) => embeddings.embedQuery(text) }
  },

  'langchain anthropic': async ({ origin, load }) => {
    const { ChatAnthropic } = await load('@langchain/anthropic')
    const options = { model, apiKey: 'none', anthropicApiUrl: origin, maxConcurrency: 2 }
    return langChainCalls(withAffinityOfLangChain(new ChatAnthropic(options)))
  },

  'langchain groq': async ({ origin, load }) => {
    const { ChatGroq } = await load('@langchain/groq')
    const options = { model, apiKey: 'none', baseUrl: origin, maxConcurrency: 2 }
    return langChainCalls(withAffinityOfLangChain(new ChatGroq(options)))
  },

  mastra: async ({ baseURL, load }) => {
    const { Agent } = await load('@mastra/core/agent')
    const { createOpenAICompatible } = await load('@ai-sdk/openai-compatible')
    const provider = createOpenAICompatible({ name: 'g', baseURL, fetch: affinityFetch({ origins: baseURL }) })
    const agent = new Agent({ id: 'guide', name: 'guide', instructions: 'Be brief.', model: provider(model) })
    return {
      plain: (text) => agent.generate(text),
      stream: async (text) => read((await agent.stream(text)).textStream),
      retries: false,
    }
  },

  llamaindex: async ({ baseURL, load }) => {
    const { OpenAI } = await load('@llamaindex/openai')
    const llm = new OpenAI({ model, apiKey: 'none', baseURL, additionalSessionOptions: { fetch: affinityFetch() } })
    const messages = (content) => [{ role: 'user', content }]
    return {
      plain: (text) => llm.chat({ messages: messages(text) }),
      stream: async (text) => read(await llm.chat({ messages: messages(text), stream: true })),
    }
  },

  instructor: async ({ baseURL, load }) => {
    const { default: Instructor } = await load('@instructor-ai/instructor')
    const { default: OpenAI } = await load('openai')
    const client = Instructor({ client: withAffinity(new OpenAI({ baseURL, apiKey: 'none' })), mode: 'TOOLS' })
    const create = (body) => client.chat.completions.create({ model, ...body })
    return {
      plain: (content) => create({ messages: [{ role: 'user', content }] }),
      stream: async (content) => read(await create({ messages: [{ role: 'user', content }], stream: true })),
    }
  },

  genkit: async ({ baseURL, load }) => {
    const { genkit } = await load('genkit')
    const { openAICompatible } = await load('@genkit-ai/compat-oai')
    const plugin = openAICompatible({ name: 'g', apiKey: 'none', baseURL, fetch: affinityFetch() })
    const ai = genkit({ plugins: [plugin] })
    return {
      plain: (prompt) => ai.generate({ model: `g/${model}`, prompt }),
      stream: async (prompt) => {
        const { stream, response } = ai.generateStream({ model: `g/${model}`, prompt })
        await read(stream)
        await response
      },
    }
  },

  strands: async ({ baseURL, load }) => {
    const { Agent } = await load('@strands-agents/sdk')
    const { OpenAIModel } = await load('@strands-agents/sdk/models/openai')
    const { default: OpenAI } = await load('openai')
    const client = withAffinity(new OpenAI({ baseURL, apiKey: 'none' }))
    const made = () => new Agent({ model: new OpenAIModel({ api: 'chat', modelId: model, client }), printer: false })
    return { plain: (text) => made().invoke(text), stream: async (text) => read(made().stream(text)), retries: false }
  },
}

function aiCalls({ generateText, streamText, jsonSchema, tool, stepCountIs }, languageModel) {
  const look = tool({
    description: 'Looks.',
    inputSchema: jsonSchema(parameters),
    parameters: jsonSchema(parameters),
    execute: async () => 'Seen.',
  })
  const steps = stepCountIs === undefined ? { maxSteps: 3 } : { stopWhen: stepCountIs(3) }
  return {
    plain: (prompt) => generateText({ model: languageModel, prompt }),
    stream: async (prompt) => {
      const result = streamText({ model: languageModel, prompt })
      await read(result.textStream)
    },
    tools: (prompt) => generateText({ model: languageModel, prompt, tools: { look }, ...steps }),
  }
}

function langChainCalls(chat) {
  return {
    plain: (text) => chat.invoke(text),
    stream: async (text) => read(await chat.stream(text)),
    tools: async (text) => {
      const bound = chat.bindTools([
        { type: 'function', function: { name: 'look', description: 'Looks.', parameters } },
      ])
      const called = await bound.invoke([['human', text]])
      const result = { role: 'tool', content: 'Seen.', tool_call_id: called.tool_calls[0].id }
      await bound.invoke([['human', text], called, result])
    },
  }
}
