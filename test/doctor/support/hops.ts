import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** A small proxy that listens on all of loopback, and tells only where it is. */
export interface Hop extends AsyncDisposable {
  readonly origin: string
  readonly baseURL: string
}

export interface HopOptions {
  /** Where a request goes on to. */
  readonly to: (request: IncomingMessage, body: string) => string
  /** Which request headers are passed on, by lower-case name. @default all */
  readonly passes?: (name: string) => boolean
  /** The answer's headers as they are passed on. @default as they are */
  readonly answers?: (headers: Readonly<Record<string, string>>) => Readonly<Record<string, string>>
}

// They belong to one connection, not to the request.
const HOP_BY_HOP: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding'])

/** A hop before a gateway, which may drop what it does not know. */
export async function startHop({ to, passes = () => true, answers = (headers) => headers }: HopOptions): Promise<Hop> {
  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const body = await text(incoming)
    const passed = Object.entries(incoming.headers).filter(([name]) => passes(name) && !HOP_BY_HOP.has(name))
    const headers = Object.fromEntries(passed)
    const onward = request(to(incoming, body) + incoming.url, { method: incoming.method, headers }, (answer) => {
      const plain = Object.entries(answer.headers).map(([name, value]) => [name, String(value)] as const)
      outgoing.writeHead(answer.statusCode ?? 502, answers(Object.fromEntries(plain)))
      answer.pipe(outgoing)
      answer.once('error', () => outgoing.destroy())
    })
    onward.once('error', () => outgoing.writeHead(502).end())
    onward.end(body)
  }
  const server = createServer(pass).listen(0, '127.0.0.1')
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
