// Three LLM servers, one of which can be made to fail in the ways in which real ones do.

import { createServer, type ServerResponse } from 'node:http'
import { listen } from '../../packages/testkit/src/servers/listen.ts'
import type { Backend } from '../gateways/support/program.ts'

/** What the first of the servers does. */
export const FAULTS = ['killed', '429', '503', 'stalls', 'breaks off'] as const
export type Fault = (typeof FAULTS)[number]

export interface FailingBackends extends AsyncDisposable {
  readonly backends: readonly [Backend, Backend, Backend]
  /** Makes the first server fail, or well again. */
  set(fault: Fault | undefined): Promise<void>
}

const EVENT = `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content: 'hi' } }] })}\n\n`

export async function failingBackends(): Promise<FailingBackends> {
  let fault: Fault | undefined
  const answer = (name: string, isFaulty: boolean, response: ServerResponse): void => {
    response.setHeader('x-replica', name)
    const status = isFaulty && (fault === '429' || fault === '503') ? Number(fault) : 200
    if (status !== 200) {
      response.writeHead(status, { 'content-type': 'application/json' }).end('{"error":{"message":"overloaded"}}')
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(EVENT)
    if (!isFaulty) response.end('data: [DONE]\n\n')
    else if (fault === 'breaks off') setTimeout(() => response.socket?.destroy(), 5)
    // Otherwise it stalls.
  }
  const make = (name: string, port: number): ReturnType<typeof listen> => {
    const server = createServer((request, response) => {
      request.resume().once('end', () => answer(name, name === 'A' && fault !== undefined, response))
    })
    return listen(server, port)
  }
  let a = await make('A', 0)
  const [b, c] = [await make('B', 0), await make('C', 0)]
  const port = Number(new URL(a.origin).port)
  return {
    backends: [
      { name: 'A', origin: a.origin },
      { name: 'B', origin: b.origin },
      { name: 'C', origin: c.origin },
    ],
    set: async (next) => {
      if (next === 'killed') await a.close()
      else if (fault === 'killed') a = await make('A', port)
      fault = next
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([a, b, c].map((each) => each.close().catch(() => {})))
    },
  }
}
