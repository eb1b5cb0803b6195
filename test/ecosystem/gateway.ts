// The gateway of the matrix: it answers in the formats of many APIs, and counts which key each call carried. A call says in its
// text what it is: `[cell] turn of conversation-7` or `[cell] side call of conversation-7`.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { answerTo } from './answers.ts'

/** What the gateway received of a cell. */
export interface Received {
  turns: number
  sideCalls: number
  /** Turns that carried the key of another conversation. */
  wrong: number
  /** Turns that carried no key. */
  missing: number
  sideCallsStamped: number
}

export interface Gateway {
  readonly origin: string
  of(cell: string): Received
  close(): Promise<void>
}

const NAMES = ['x-session-id', 'x-litellm-session-id']

export async function startGateway(): Promise<Gateway> {
  const cells = new Map<string, Received>()
  const failed = new Set<string>()
  const of = (cell: string): Received => {
    const found = cells.get(cell) ?? { turns: 0, sideCalls: 0, wrong: 0, missing: 0, sideCallsStamped: 0 }
    cells.set(cell, found)
    return found
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = request.method === 'POST' ? await json(request) : {}
    const text = JSON.stringify(body)
    const [label, cell = '', what, conversation] =
      /\[([^[\]]+)\] (turn|side call) of (conversation-\d+[\w-]*)/.exec(text) ?? []
    if (label !== undefined)
      count(
        of(cell),
        what === 'turn' ? conversation : undefined,
        NAMES.map((name) => request.headers[name]),
      )
    if (label?.includes('retry') && !failed.has(label)) {
      failed.add(label)
      response.writeHead(503, { 'content-type': 'application/json', 'retry-after-ms': '1', 'retry-after': '0' })
      response.end('{"error":{"message":"overloaded","type":"server_error"}}')
      return
    }
    answerTo(request.url ?? '/', body, response)
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    of,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function count(received: Received, expected: string | undefined, keys: readonly unknown[]): void {
  const isBare = keys.every((key) => key === undefined)
  if (expected === undefined) {
    received.sideCalls += 1
    if (!isBare) received.sideCallsStamped += 1
    return
  }
  received.turns += 1
  if (isBare) received.missing += 1
  else if (keys.some((key) => key !== expected)) received.wrong += 1
}
