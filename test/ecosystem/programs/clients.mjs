// SDK clients and HTTP clients: how each is made to stamp, as docs/frameworks.md says, and how it is called.

import { affinityFetch, patchGlobalFetch, withAffinity } from 'llm-affinity'
import { instrument } from 'llm-affinity/instrument'
import { affinityInterceptor } from 'llm-affinity/undici'

const model = 'test-model'
const user = (content) => ({ role: 'user', content })
const parameters = { type: 'object', properties: {} }
const tools = [{ type: 'function', function: { name: 'look', description: 'Looks.', parameters } }]

async function read(stream) {
  for await (const _ of stream) {
    // Until its end.
  }
}

/** The calls of clients whose API is that of OpenAI's chat completions. */
function chatCalls(client) {
  const create = (body) => client.chat.completions.create({ model, ...body })
  return {
    plain: (text) => create({ messages: [user(text)] }),
    stream: async (text) => read(await create({ messages: [user(text)], stream: true })),
    tools: async (text) => {
      const { choices } = await create({ messages: [user(text)], tools })
      const [call] = choices[0].message.tool_calls
      const result = { role: 'tool', tool_call_id: call.id, content: 'Seen.' }
      await create({ messages: [user(text), choices[0].message, result], tools })
    },
  }
}

/** For code that only has a URL: a POST, and the same as a stream. */
function httpCalls(origin, post) {
  const url = `${origin}/v1/chat/completions`
  return {
    plain: (text) => post(url, { model, messages: [user(text)] }),
    stream: (text) => post(url, { model, messages: [user(text)], stream: true }),
    retries: false,
  }
}

const classOf = (module, name) => module[name] ?? module.default?.[name] ?? module.default

export const adapters = {
  openai: async ({ baseURL, load }) =>
    chatCalls(withAffinity(new (classOf(await load(), 'OpenAI'))({ baseURL, apiKey: 'none' }))),

  'openai responses': async ({ baseURL, load }) => {
    const client = withAffinity(new (classOf(await load(), 'OpenAI'))({ baseURL, apiKey: 'none' }))
    const create = (body) => client.responses.create({ model, ...body })
    return {
      plain: (text) => create({ input: text }),
      stream: async (text) => read(await create({ input: text, stream: true })),
      tools: async (text) => {
        const functions = [{ type: 'function', name: 'look', parameters, strict: false }]
        const { output } = await create({ input: text, tools: functions })
        const result = { type: 'function_call_output', call_id: output[0].call_id, output: 'Seen.' }
        await create({ input: [user(text), output[0], result], tools: functions })
      },
    }
  },

  'openai fetch': async ({ baseURL, load }) =>
    chatCalls(new (classOf(await load(), 'OpenAI'))({ baseURL, apiKey: 'none', fetch: affinityFetch() })),

  azure: async ({ origin, load }) => {
    const { AzureOpenAI } = await load()
    const options = { endpoint: origin, apiKey: 'none', apiVersion: '2024-10-21', deployment: model }
    return chatCalls(withAffinity(new AzureOpenAI(options)))
  },

  embeddings: async ({ baseURL, load }) => {
    const client = withAffinity(new (classOf(await load(), 'OpenAI'))({ baseURL, apiKey: 'none' }))
    return { plain: (text) => client.embeddings.create({ model, input: text }) }
  },

  anthropic: async ({ origin, load }) => {
    const client = withAffinity(new (classOf(await load(), 'Anthropic'))({ baseURL: origin, apiKey: 'none' }))
    const create = (body) => client.messages.create({ model, max_tokens: 64, ...body })
    return {
      plain: (text) => create({ messages: [user(text)] }),
      stream: async (text) => read(await create({ messages: [user(text)], stream: true })),
      tools: async (text) => {
        const functions = [{ name: 'look', description: 'Looks.', input_schema: parameters }]
        const { content } = await create({ messages: [user(text)], tools: functions })
        const results = [{ type: 'tool_result', tool_use_id: content[0].id, content: 'Seen.' }]
        const messages = [user(text), { role: 'assistant', content }, user(results)]
        await create({ messages, tools: functions })
      },
    }
  },

  groq: async ({ origin, load }) =>
    chatCalls(withAffinity(new (classOf(await load(), 'Groq'))({ baseURL: origin, apiKey: 'none' }))),

  together: async ({ baseURL, load }) =>
    chatCalls(withAffinity(new (classOf(await load(), 'Together'))({ baseURL, apiKey: 'none' }))),

  cerebras: async ({ origin, load }) => {
    const options = { baseURL: origin, apiKey: 'none', warmTCPConnection: false }
    return chatCalls(withAffinity(new (classOf(await load(), 'Cerebras'))(options)))
  },

  ollama: async ({ origin, load }) => {
    const { Ollama } = await load()
    const client = new Ollama({ host: origin, fetch: affinityFetch() })
    const functions = tools
    return {
      plain: (text) => client.chat({ model, messages: [user(text)] }),
      stream: async (text) => read(await client.chat({ model, messages: [user(text)], stream: true })),
      tools: async (text) => {
        const { message } = await client.chat({ model, messages: [user(text)], tools: functions })
        const result = { role: 'tool', content: 'Seen.' }
        await client.chat({ model, messages: [user(text), message, result], tools: functions })
      },
      retries: false,
    }
  },

  google: async ({ origin, load }) => {
    const { GoogleGenAI } = await load()
    const undo = patchGlobalFetch({ origins: origin })
    const client = new GoogleGenAI({ apiKey: 'none', httpOptions: { baseUrl: origin } })
    return {
      plain: (contents) => client.models.generateContent({ model, contents }),
      stream: async (contents) => read(await client.models.generateContentStream({ model, contents })),
      retries: false,
      close: undo,
    }
  },

  'google old': async ({ origin, load }) => {
    const { GoogleGenerativeAI } = await load()
    const undo = patchGlobalFetch({ origins: origin })
    const client = new GoogleGenerativeAI('none').getGenerativeModel({ model }, { baseUrl: origin })
    return {
      plain: (text) => client.generateContent(text),
      stream: async (text) => read((await client.generateContentStream(text)).stream),
      retries: false,
      close: undo,
    }
  },

  mistral: async ({ origin, load, from }) => {
    const { Mistral, HTTPClient = (await load(`${from}/lib/http.js`)).HTTPClient } = await load()
    const httpClient = new HTTPClient({ fetcher: affinityFetch() })
    const client = new Mistral({ serverURL: origin, apiKey: 'none', httpClient })
    return {
      plain: (text) => client.chat.complete({ model, messages: [user(text)] }),
      stream: async (text) => read(await client.chat.stream({ model, messages: [user(text)] })),
      retries: false,
    }
  },

  openrouter: async ({ baseURL, load }) => {
    const { OpenRouter, HTTPClient } = await load()
    const httpClient = new HTTPClient({ fetcher: affinityFetch() })
    const client = new OpenRouter({ serverURL: baseURL, apiKey: 'none', httpClient })
    return {
      plain: (text) => client.chat.send({ chatRequest: { model, messages: [user(text)] } }),
      retries: false,
    }
  },

  cohere: async ({ origin, load }) => {
    const { CohereClientV2 } = await load()
    const undo = patchGlobalFetch({ origins: origin })
    const client = new CohereClientV2({ token: 'none', environment: origin })
    return {
      plain: (text) => client.chat({ model, messages: [user(text)] }),
      stream: async (text) => read(await client.chatStream({ model, messages: [user(text)] })),
      close: undo,
    }
  },

  huggingface: async ({ baseURL, load }) => {
    const { InferenceClient } = await load()
    const client = new InferenceClient('none', { endpointUrl: baseURL, fetch: affinityFetch() })
    return {
      plain: (text) => client.chatCompletion({ model, messages: [user(text)] }),
      stream: async (text) => read(client.chatCompletionStream({ model, messages: [user(text)] })),
      retries: false,
    }
  },

  bedrock: async ({ origin, load }) => {
    // Its default is HTTP/2, which Node does not announce.
    const { NodeHttpHandler } = await load('@smithy/node-http-handler')
    const { BedrockRuntimeClient, ConverseCommand } = await load()
    const undo = instrument({ origins: origin })
    const credentials = { accessKeyId: 'none', secretAccessKey: 'none' }
    const client = new BedrockRuntimeClient({
      endpoint: origin,
      region: 'none',
      credentials,
      requestHandler: new NodeHttpHandler(),
    })
    const message = (text) => ({ role: 'user', content: [{ text }] })
    return {
      plain: (text) => client.send(new ConverseCommand({ modelId: model, messages: [message(text)] })),
      close: undo,
    }
  },

  undici: async ({ origin, load }) => {
    const { Agent, interceptors, request } = await load()
    const dispatcher = new Agent({ connections: 8 }).compose(
      affinityInterceptor({ origins: origin }),
      interceptors.retry({ methods: ['POST'], minTimeout: 1, maxRetries: 3 }),
    )
    const headers = { 'content-type': 'application/json' }
    const post = async (url, body) => {
      const answer = await request(url, { method: 'POST', headers, body: JSON.stringify(body), dispatcher })
      if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`)
      await answer.body.dump()
    }
    return { ...httpCalls(origin, post), retries: true, close: () => dispatcher.close() }
  },

  'undici fetch': async ({ origin, load }) => {
    const { Agent, fetch } = await load()
    const dispatcher = new Agent().compose(affinityInterceptor({ origins: origin }))
    const headers = { 'content-type': 'application/json' }
    const post = async (url, body) => {
      await (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), dispatcher })).text()
    }
    return httpCalls(origin, post)
  },

  axios: async ({ origin, load }) => {
    const { default: axios } = await load()
    const undo = instrument({ origins: origin })
    return { ...httpCalls(origin, (url, body) => axios.post(url, body)), close: undo }
  },

  got: async ({ origin, load }) => {
    const { default: got } = await load()
    const undo = instrument({ origins: origin })
    const retry = { limit: 2, methods: ['POST'], statusCodes: [503], calculateDelay: () => 1 }
    return { ...httpCalls(origin, (url, json) => got.post(url, { json, retry })), retries: true, close: undo }
  },

  superagent: async ({ origin, load }) => {
    const { default: superagent } = await load()
    const undo = instrument({ origins: origin })
    return { ...httpCalls(origin, (url, body) => superagent.post(url).send(body).buffer(true)), close: undo }
  },

  needle: async ({ origin, load }) => {
    const { default: needle } = await load()
    const undo = instrument({ origins: origin })
    return { ...httpCalls(origin, (url, body) => needle('post', url, body, { json: true })), close: undo }
  },

  ky: async ({ origin, load }) => {
    const { default: ky } = await load()
    const retry = { limit: 2, methods: ['post'], statusCodes: [503], delay: () => 1 }
    const client = ky.create({ fetch: affinityFetch(), retry })
    return { ...httpCalls(origin, (url, json) => client.post(url, { json }).text()), retries: true }
  },

  'node-fetch': async ({ origin, load }) => {
    const { default: fetch } = await load()
    const send = affinityFetch({ fetch })
    const headers = { 'content-type': 'application/json' }
    const post = async (url, body) => (await send(url, { method: 'POST', headers, body: JSON.stringify(body) })).text()
    return httpCalls(origin, post)
  },

  ofetch: async ({ origin, load }) => {
    const { createFetch } = await load()
    const send = createFetch({ fetch: affinityFetch(), Headers, AbortController })
    const post = (url, body) => send(url, { method: 'POST', body, retry: 2, retryDelay: 1, responseType: 'text' })
    return { ...httpCalls(origin, post), retries: true }
  },

  wretch: async ({ origin, load }) => {
    const { default: wretch } = await load()
    const client = wretch().fetchPolyfill?.(affinityFetch()) ?? wretch().polyfills({ fetch: affinityFetch() })
    return httpCalls(origin, (url, body) => client.url(url, true).post(body).text())
  },
}
