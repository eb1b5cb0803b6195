// HTTP clients. Each is made of a base URL and gives a function that makes one call, whose body names its conversation,
// with headers of the caller's own.

import http from 'node:http'
import https from 'node:https'
import { Writable } from 'node:stream'
import { affinityInterceptor } from 'llm-affinity/undici'
import { load } from './load.mjs'

const json = { 'content-type': 'application/json' }
const path = '/v1/chat/completions'
const bodyOf = (id) => JSON.stringify({ model: 'test-model', messages: [{ role: 'user', content: id }] })
const moduleOf = (base) => (base.startsWith('https:') ? https : http)

const RETRY = { methods: ['POST'], statusCodes: [503], minTimeout: 1, maxRetries: 3 }

// The ways of undici to make a call, each over a dispatcher.
const calls = {
  async request(u, dispatcher, url, init) {
    const { statusCode, body } = await u.request(url, { ...init, dispatcher })
    await body.dump()
    return statusCode
  },
  async fetch(u, dispatcher, url, init) {
    const response = await u.fetch(url, { ...init, dispatcher })
    await response.text()
    return response.status
  },
  async stream(u, dispatcher, url, init) {
    let status
    await u.stream(url, { ...init, dispatcher }, ({ statusCode }) => {
      status = statusCode
      return new Writable({ write: (_chunk, _encoding, done) => done() })
    })
    return status
  },
}

const compose = (u, options, interceptor) => new u.Agent(options).compose(interceptor)

// One connection is a Client, which queues requests. Two are a Pool, which queues what requests will be made of, and
// makes them when a connection is free: then another conversation's answer is what runs.
const dispatchers = {
  'an Agent': (u) => new u.Agent(),
  'one connection': (u) => new u.Agent({ connections: 1 }),
  'two connections': (u) => new u.Agent({ connections: 2 }),
  'a Pool of one': (u, base) => new u.Pool(new URL(base).origin, { connections: 1 }),
  retry: (u) => compose(u, { connections: 1 }, u.interceptors.retry(RETRY)),
  RetryAgent: (u) => new u.RetryAgent(new u.Agent({ connections: 2 }), RETRY),
  affinityInterceptor: (u, base) => compose(u, {}, affinityInterceptor({ origins: new URL(base).origin })),
  redirect: (u) => compose(u, {}, u.interceptors.redirect({ maxRedirections: 3 })),
  'redirect, two connections': (u) => compose(u, { connections: 2 }, u.interceptors.redirect({ maxRedirections: 3 })),
}

function undici(name, call, dispatcherName) {
  return async (base) => {
    const u = await load(name)
    const dispatcher = dispatchers[dispatcherName](u, base)
    return (id, headers) =>
      calls[call](u, dispatcher, base + path, { method: 'POST', headers: { ...json, ...headers }, body: bodyOf(id) })
  }
}

function sendByHttp(url, options, body) {
  return new Promise((resolve, reject) => {
    const request = moduleOf(url).request(url, { method: 'POST', ...options }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode))
    })
    request.on('error', reject)
    request.end(body)
  })
}

const oneSocket = (base) => new (moduleOf(base).Agent)({ maxSockets: 1, keepAlive: true })

// node:http, and node:https where the base URL has it.
function nodeHttp(optionsOf) {
  return async (base) => {
    const makeOptions = optionsOf(base)
    return (id, headers) => sendByHttp(base + path, makeOptions({ ...json, ...headers }, id), bodyOf(id))
  }
}

function axios(optionsOf = () => ({})) {
  return async (base) => {
    const { default: axios } = await load('axios')
    const client = axios.create({ baseURL: base, validateStatus: () => true, ...optionsOf(base) })
    return async (id, headers) => (await client.post(path, bodyOf(id), { headers: { ...json, ...headers } })).status
  }
}

// It copies all headers of a request to the one that it is redirected to.
function superagent() {
  return async (base) => {
    const { default: superagent } = await load('superagent')
    return async (id, headers) => {
      const sent = superagent.post(base + path).set({ ...json, ...headers })
      return (
        await sent
          .redirects(5)
          .ok(() => true)
          .disableTLSCerts()
          .send(bodyOf(id))
      ).status
    }
  }
}

function got(optionsOf = () => ({})) {
  return async (base) => {
    const { default: got } = await load('got')
    const retry = {
      limit: 2,
      methods: ['POST'],
      statusCodes: [503],
      calculateDelay: ({ attemptCount }) => +(attemptCount < 3),
    }
    const client = got.extend({ retry, ...optionsOf(base) })
    return async (id, headers) =>
      (await client.post(base + path, { body: bodyOf(id), headers: { ...json, ...headers } })).statusCode
  }
}

const agentsOf = (base) => ({ httpAgent: oneSocket(base), httpsAgent: oneSocket(base) })

const undicis = ['undici7', 'undici'].flatMap((name) => [
  ...Object.keys(dispatchers).map((each) => [`${name}, request, ${each}`, undici(name, 'request', each)]),
  ...['an Agent', 'two connections'].map((each) => [`${name}, fetch, ${each}`, undici(name, 'fetch', each)]),
  ...['an Agent', 'two connections'].map((each) => [`${name}, stream, ${each}`, undici(name, 'stream', each)]),
])

export const httpClients = {
  'the built-in fetch': async (base) => async (id, headers) => {
    const response = await fetch(base + path, { method: 'POST', headers: { ...json, ...headers }, body: bodyOf(id) })
    await response.text()
    return response.status
  },
  ...Object.fromEntries(undicis),
  'node:http': nodeHttp(() => (headers) => ({ headers })),
  'node:http, one socket': nodeHttp((base) => {
    const agent = oneSocket(base)
    return (headers) => ({ headers, agent })
  }),
  'node:http, flat headers': nodeHttp((base) => (headers, id) => ({
    headers: [
      'host',
      new URL(base).host,
      'content-length',
      String(bodyOf(id).length),
      ...Object.entries(headers).flat(),
    ],
  })),
  'node:http, expecting 100-continue': nodeHttp(() => (headers, id) => ({
    headers: { expect: '100-continue', 'content-length': bodyOf(id).length, ...headers },
  })),
  axios: axios(),
  'axios, one socket': axios(agentsOf),
  'axios by fetch': axios(() => ({ adapter: 'fetch' })),
  superagent: superagent(),
  got: got(),
  'got, one socket': got((base) => ({ agent: { http: oneSocket(base), https: oneSocket(base) } })),
}
