// What is done on every runtime, with the package as published and no test library: a case gives back something that is
// JSON, and the rest is to be seen at the servers that it calls.

import {
  affinityFetch,
  currentSession,
  patchGlobalFetch,
  runWithoutSession,
  runWithSession,
  Session,
} from 'llm-affinity'
import { readUsage } from 'llm-affinity/usage'

const ID = 'conversation-42'
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const here = () => currentSession()?.id ?? null
const json = { 'content-type': 'application/json' }

function streamOf(text) {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text))
      controller.close()
    },
  })
}

// The forms in which fetch takes a call.
const calls = {
  string: (url, init) => [url, { headers: json, body: '{"a":1}', ...init }],
  url: (url, init) => [
    new URL(url),
    { headers: new Headers(json), body: new TextEncoder().encode('{"a":1}'), ...init },
  ],
  request: (url, init) => [new Request(url, { headers: json, body: '{"a":1}', ...init })],
  'request and init': (url, { method, ...init }) => [
    new Request(url, { method, headers: json, body: '{"a":1}' }),
    { headers: { ...json, 'x-own': 'kept' }, ...init },
  ],
  stream: (url, init) => [url, { headers: json, body: streamOf('{"a":1}'), duplex: 'half', ...init }],
  'request of a stream': (url, init) => [
    new Request(url, { headers: json, body: streamOf('{"a":1}'), duplex: 'half', ...init }),
  ],
  'no body': (url, { method: _, ...init }) => [url, { ...init }],
}

async function textOf(parts) {
  let text = ''
  const decoder = new TextDecoder()
  for await (const part of parts) text += decoder.decode(part, { stream: true })
  return text
}

// The ways in which SDKs and their callers read a stream.
const reads = {
  text: (response) => response.text(),
  bytes: async (response) => new TextDecoder().decode(await response.arrayBuffer()),
  'for await': (response) => textOf(response.body),
  reader: ({ body }) => {
    const reader = body.getReader()
    return textOf({ [Symbol.asyncIterator]: () => ({ next: () => reader.read() }) })
  },
  pipe: ({ body }) => textOf(body.pipeThrough(new TransformStream())),
  tee: async ({ body }) => (await Promise.all(body.tee().map(textOf)))[1],
  clone: async (response) => (await Promise.all([response.clone(), response].map((each) => each.text())))[0],
}

function fetchOf(affinity) {
  return affinity ? affinityFetch() : fetch
}

export const cases = {
  /** One call in a scope, bare or through us. */
  async call({ url, form, affinity = true, method = 'POST', ...init }) {
    const args = calls[form](url, { method, ...init })
    return runWithSession(ID, async () => {
      try {
        const response = await fetchOf(affinity)(...args)
        const { status, redirected } = response
        return { status, redirected, url: response.url, text: await response.text() }
      } catch (error) {
        return { error: error.name }
      }
    })
  },

  /** A call that is given up while its answer is waited for. */
  async aborted({ url, form, affinity, after = 100 }) {
    const controller = new AbortController()
    const args = calls[form](url, { method: 'POST', signal: controller.signal })
    const since = Date.now()
    setTimeout(() => controller.abort(), after)
    const name = await runWithSession(ID, () => fetchOf(affinity)(...args)).then(
      () => 'answered',
      (error) => error.name,
    )
    return { name, soon: Date.now() - since < 2_000 }
  },

  async silent({ url }) {
    const send = affinityFetch()
    const get = async () => (await send(url)).text()
    await get()
    await runWithSession(ID, () => runWithoutSession(get))
    await runWithSession('', get)
  },

  /** A session that is bound, and no scope. */
  async bound({ home }) {
    const session = new Session(ID)
    await (await affinityFetch({ session })(`${home}/v1/models`)).text()
    const undo = patchGlobalFetch({ origins: home, session })
    await (await fetch(`${home}/v1/models`)).text()
    undo()
  },

  scope: () => runWithSession(ID, here),

  async concurrent({ url, conversations, turns }) {
    const send = affinityFetch()
    let strangers = 0
    await Promise.all(
      Array.from({ length: conversations }, (_, i) =>
        runWithSession(`conversation-${i}`, async () => {
          for (let turn = 0; turn < turns; turn++) {
            await rest((i * 7 + turn * 3) % 11)
            const body = JSON.stringify({ id: `conversation-${i}` })
            const args = [url, { method: 'POST', headers: json, body }]
            await (await (turn % 2 === 0 ? send(...args) : send(new Request(...args)))).text()
            if (here() !== `conversation-${i}`) strangers++
          }
        }),
      ),
    )
    return strangers
  },

  /** Who is current after each way to come back to a function. */
  async context() {
    const seen = {}
    await runWithSession(ID, async () => {
      await null
      seen.await = here()
      await rest(2)
      seen.timer = here()
      seen.microtask = await new Promise((resolve) => queueMicrotask(() => resolve(here())))
      seen.chained = await Promise.resolve().then(here)
      // biome-ignore lint/suspicious/noThenProperty: how a runtime calls a foreign promise is the question.
      seen.thenable = await { then: (resolve) => resolve(here()) }
      seen.all = (await Promise.all([rest(1).then(here), rest(2).then(here)])).join()
      seen.digest = await crypto.subtle.digest('SHA-256', new Uint8Array(1)).then(here)
      seen.nested = await runWithSession('conversation-43', async () => {
        await rest(1)
        return here()
      })
      seen.sideCall = await runWithoutSession(async () => {
        await rest(1)
        return here()
      })
      async function* words() {
        for (;;) {
          await rest(1)
          yield here()
        }
      }
      const session = currentSession()
      const iterator = session.iterate(words())[Symbol.asyncIterator]()
      seen.generator = await runWithSession('conversation-43', async () => (await iterator.next()).value)
      await iterator.return()
      seen.back = here()
    })
    seen.outside = here()
    return seen
  },

  async patch({ home, foreign }) {
    const before = globalThis.fetch
    const undo = patchGlobalFetch({ origins: home })
    const both = () =>
      runWithSession(ID, async () => {
        for (const origin of [home, foreign]) await (await fetch(`${origin}/v1/models`)).text()
      })
    await both()
    await (await fetch(`${home}/v1/models`)).text()
    undo()
    await both()
    return fetch === before
  },

  /** What is read of an answer and what is seen of it, by each way to read it. */
  async usage({ url }) {
    const seen = {}
    for (const [name, read] of Object.entries(reads)) {
      let usage
      const onOutcome = (_outcome, response) => {
        usage = readUsage(response)
      }
      const send = affinityFetch({ session: new Session(ID), onOutcome })
      const bare = await read(await fetch(url))
      const text = await read(await send(url))
      seen[name] = { isSame: text === bare && text !== '', usage: await usage }
    }
    return seen
  },

  /** A key that has to be hashed, and a random one: what needs the platform's or our own cryptography. */
  keys: () => [new Session('Gespräch').key, new Session('a', { namespace: 'b', secret: 'c' }).key, new Session().key],
}
