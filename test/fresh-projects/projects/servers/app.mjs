// What the servers of all frameworks do for a request, and with what they do it.

import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { affinityFetch, runWithoutSession } from 'llm-affinity'
import { serverSessions } from 'llm-affinity/server'

/** What the test computes keys from. */
const SECRET = 'a secret of the test'

export const sessions = serverSessions({ secret: SECRET })

const gateway = `${process.env.GATEWAY}/v1/chat/completions`
const send = affinityFetch()
const CHUNK = 'x'.repeat(128 * 1024)

/** Calls the model. The test reads from the text which key the call must carry. */
async function call(text) {
  const response = await send(gateway, { method: 'POST', body: JSON.stringify({ text }) })
  await response.text()
}

/** A turn of a conversation: `name` tells the test where it was made. */
export async function turn(of, name) {
  await call(`turn of ${of} by ${name}`)
  await runWithoutSession(() => call(`side call of ${of} by ${name}`))
}

/** A streamed answer that calls the model again while it is read. */
export async function* answer(of, name) {
  for (let step = 0; step < 3; step++) {
    await turn(of, `${name}, streamed`)
    yield CHUNK
  }
}

export function encoded(chunks) {
  const encoder = new TextEncoder()
  return (async function* () {
    for await (const chunk of chunks) yield encoder.encode(chunk)
  })()
}

/** Reads a request's body as parsers without async context do, by events. */
export async function readByEvents(request, then) {
  await new Promise((resolve, reject) => {
    request.on('data', () => {})
    request.on('end', () => then().then(resolve, reject))
  })
}

let expectedLater = 0

/** Announces a turn after the response, which `allDone` waits for. */
export function expectLater() {
  expectedLater += 1
  return async (of, name) => {
    await turn(of, `${name}, after the response`)
    expectedLater -= 1
  }
}

/** Waits for what runs after the responses. */
export async function allDone() {
  while (expectedLater > 0) await delay(10)
}

/** Who the request is from: what an application's authentication does. Undefined for a stranger. */
export function userOf(header) {
  return header === undefined || header === null || header === '' ? undefined : `user of ${header}`
}

/** Sends requests of many conversations to a server, at the same time and over few sockets, and waits until all is done. */
export async function play(origin, conversations = 30) {
  const queue = Array.from({ length: conversations }, (_, i) => i)
  const worker = async () => {
    for (let i = queue.shift(); i !== undefined; i = queue.shift()) {
      const headers = i % 10 === 9 ? {} : { 'x-token': `token-${i % 3}` }
      const response = await fetch(`${origin}/chat/conversation-${i}`, { method: 'POST', headers, body: 'question' })
      if (response.status >= 300) throw new Error(`${response.status}: ${await response.text()}`)
      // Slowly, so that the server has to wait for its reader.
      for await (const _ of response.body ?? []) await delay(2)
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
}

export async function listening(server) {
  if (!server.listening) await once(server, 'listening')
  return `http://127.0.0.1:${server.address().port}`
}
