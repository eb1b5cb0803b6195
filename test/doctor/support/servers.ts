import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Server extends AsyncDisposable {
  readonly origin: string
  readonly baseURL: string
}

/** A server that does just this. */
export async function startServer(listener: RequestListener): Promise<Server> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    baseURL: `${origin}/v1`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The events of a streamed chat completion, and what it says of its tokens. */
export function completion(usage: unknown): string {
  const head = { id: 'c', object: 'chat.completion.chunk', created: 0, model: 'test-model' }
  const chunks = [
    { ...head, choices: [{ index: 0, delta: { role: 'assistant', content: 'Yes' }, finish_reason: null }] },
    { ...head, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
    { ...head, choices: [], usage },
  ]
  return `${chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('')}data: [DONE]\n\n`
}

export const STREAM = { 'content-type': 'text/event-stream' }
