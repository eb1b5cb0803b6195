// Clients of LLM providers, in the form of clients.mjs.

import { withAffinity } from 'llm-affinity'
import { affinityInterceptor } from 'llm-affinity/undici'
import { load } from './load.mjs'

const messages = (content) => [{ role: 'user', content }]

function openai(name, { wrap = (client) => client, options = () => ({}) } = {}) {
  return async (base) => {
    const { default: OpenAI } = await load(name)
    const more = await options(base)
    const client = wrap(new OpenAI({ baseURL: `${base}/v1`, apiKey: 'test', maxRetries: 2, ...more }))
    return async (id, headers) => {
      await client.chat.completions.create({ model: 'test-model', messages: messages(id) }, { headers })
      return 200
    }
  }
}

async function intercepted(base) {
  const { Agent, fetch } = await load('undici')
  return {
    fetch,
    fetchOptions: { dispatcher: new Agent().compose(affinityInterceptor({ origins: new URL(base).origin })) },
  }
}

function anthropic(name) {
  return async (base) => {
    const { default: Anthropic } = await load(name)
    const client = new Anthropic({ baseURL: base, apiKey: 'test', maxRetries: 2 })
    return async (id, headers) => {
      await client.messages.create({ model: 'test-model', max_tokens: 16, messages: messages(id) }, { headers })
      return 200
    }
  }
}

const bedrock = (handlerOf) => async (base) => {
  const { BedrockRuntimeClient, InvokeModelCommand } = await load('@aws-sdk/client-bedrock-runtime')
  const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' }
  const requestHandler = await handlerOf?.()
  const client = new BedrockRuntimeClient({ region: 'us-east-1', endpoint: base, credentials, requestHandler })
  return async (id, headers = {}) => {
    const command = new InvokeModelCommand({ modelId: 'test-model', body: JSON.stringify({ messages: messages(id) }) })
    command.middlewareStack.add(
      (next) => (args) => {
        Object.assign(args.request.headers, headers)
        return next(args)
      },
      { step: 'build' },
    )
    const { $metadata } = await client.send(command)
    return $metadata.httpStatusCode
  }
}

export const sdkClients = {
  'openai 4': openai('openai4'),
  'openai 5': openai('openai5'),
  'openai 6': openai('openai6'),
  'openai 7': openai('openai'),
  'openai 7 through withAffinity': openai('openai', { wrap: withAffinity }),
  'openai 7 through withAffinity and affinityInterceptor': openai('openai', {
    wrap: withAffinity,
    options: intercepted,
  }),
  'Anthropic 0.29': anthropic('anthropic0'),
  'Anthropic 1': anthropic('@anthropic-ai/sdk'),
  // Its own handler is one of node:http2, which has no channels.
  'AWS SDK, its own handler': bedrock(),
  'AWS SDK, NodeHttpHandler': bedrock(async () => new (await load('@smithy/node-http-handler')).NodeHttpHandler()),
}
