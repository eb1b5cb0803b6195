// Every way in, with learned state: one function that makes a call at an origin.

import { request as httpRequest } from 'node:http'
import { type AffinityOptions, affinityFetch, patchGlobalFetch, withAffinity } from 'llm-affinity'
import { instrument } from 'llm-affinity/instrument'
import { affinityInterceptor } from 'llm-affinity/undici'
import OpenAI from 'openai'
import { Agent, request } from 'undici'

export interface Way {
  readonly name: string
  /** Whether it can hold a call back until the first answer of its session. */
  readonly waits: boolean
  connect(
    origin: string,
    options: AffinityOptions,
  ): { call(headers?: Record<string, string>): Promise<unknown>; close(): void }
}

const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hello' }] })
const json = { 'content-type': 'application/json' }
const none = (): void => {}

const post = async (send: typeof fetch, origin: string, headers: Record<string, string> = {}): Promise<unknown> => {
  const response = await send(`${origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...json, ...headers },
    body,
  })
  return response.text()
}

/** Calls of the global fetch, which this function makes carry keys until it is undone. */
function overGlobalFetch(name: string, waits: boolean, patch: typeof patchGlobalFetch): Way {
  return {
    name,
    waits,
    connect: (origin, options) => {
      const close = patch({ origins: origin, ...options })
      return { call: (headers) => post(fetch, origin, headers), close }
    },
  }
}

export const WAYS: readonly Way[] = [
  {
    name: 'withAffinity',
    waits: true,
    connect: (origin, options) => {
      const client = withAffinity(new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'test' }), options)
      const messages = [{ role: 'user' as const, content: 'hello' }]
      return {
        call: (headers) =>
          client.chat.completions.create({ model: 'm', messages }, headers === undefined ? {} : { headers }),
        close: none,
      }
    },
  },
  {
    name: 'affinityFetch',
    waits: true,
    connect: (origin, options) => {
      const send = affinityFetch({ origins: origin, ...options })
      return { call: (headers) => post(send, origin, headers), close: none }
    },
  },
  overGlobalFetch('patchGlobalFetch', true, patchGlobalFetch),
  {
    name: 'affinityInterceptor',
    waits: false,
    connect: (origin, options) => {
      const dispatcher = new Agent().compose(affinityInterceptor({ origins: origin, ...options }))
      return {
        call: async (headers) => {
          const answer = await request(`${origin}/v1/chat/completions`, {
            method: 'POST',
            dispatcher,
            headers: { ...json, ...headers },
            body,
          })
          return answer.body.text()
        },
        close: () => void dispatcher.close(),
      }
    },
  },
  overGlobalFetch('instrument, with fetch', false, instrument),
  {
    name: 'instrument, with node:http',
    waits: false,
    connect: (origin, options) => {
      const close = instrument({ origins: origin, ...options })
      const call = (headers?: Record<string, string>): Promise<unknown> =>
        new Promise((resolve, reject) => {
          const sent = httpRequest(`${origin}/v1/chat/completions`, {
            method: 'POST',
            headers: { ...json, ...headers },
          })
          sent.once('error', reject)
          sent.once('response', (answer) => answer.resume().once('end', () => resolve(answer.statusCode)))
          sent.end(body)
        })
      return { call, close }
    },
  },
]
