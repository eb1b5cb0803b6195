import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { Replica } from 'llm-affinity-testkit'
import pLimit from 'p-limit'
import type { Backend } from '../support/program.ts'

/** A request that a replica has read. */
export interface Read {
  readonly replica: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly promptTokens: number
  readonly cachedTokens: number
}

export interface Tap extends Backend, AsyncDisposable {}

/**
 * Stands before a replica and hears what it read, whatever a gateway makes of the answers. `onRead` is called before any
 * of the answer is passed on; where it throws, the call fails.
 */
export async function startTap(replica: Replica, onRead: (read: Read) => void): Promise<Tap> {
  // One at a time until its answer begins, as the replica's own prefill is: so a change of its counters is that request's.
  const inTurn = pLimit(1)

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming)
    const answer = await inTurn(async () => {
      const before = replica.counters()
      const begun = await send(replica.origin, incoming, body)
      const after = replica.counters()
      onRead({
        replica: replica.name,
        headers: incoming.headers,
        body: body.toString(),
        promptTokens: after.promptTokens - before.promptTokens,
        cachedTokens: after.cachedTokens - before.cachedTokens,
      })
      return begun
    })
    outgoing.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers))
    // Else they wait for the first of the text.
    outgoing.flushHeaders()
    await pipeline(answer, outgoing)
  }

  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing).catch((error: unknown) => {
      if (outgoing.headersSent) outgoing.destroy()
      else outgoing.writeHead(500).end(JSON.stringify({ error: { message: String(error) } }))
    })
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve)
  })
  return {
    name: replica.name,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function send(origin: string, { method, url, headers }: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { method, headers: { ...endToEnd(headers), 'content-length': body.length } }
    request(new URL(url ?? '/', origin), options, resolve)
      .once('error', reject)
      .end(body)
  })
}

// What is said of one connection is not for the next.
function endToEnd({ connection, 'keep-alive': kept, 'transfer-encoding': framed, ...rest }: IncomingHttpHeaders) {
  return rest
}
