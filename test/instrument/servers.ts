// An LLM server over HTTP and TLS that keeps what it received. The start of a path decides how it answers:
//
// /plain       with a completion
// /flaky       503 to the first attempt of each id, then with a completion
// /307/ORIGIN  with a redirect to /plain at that origin, which is encoded; any other status likewise

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { NAMES } from '../support/wire.ts'
import { isSignedWith } from './sigv4.ts'

const SECRET = 'secret'

export interface Received {
  /** Whom the request was made for, by its body. */
  readonly id: string
  /** Every value of the session's headers, however often one was sent. */
  readonly keys: readonly string[]
}

export interface Certificate {
  readonly key: string
  readonly cert: string
}

export interface Server {
  readonly port: number
  readonly received: Received[]
  clear(): void
  close(): Promise<void>
}

// One object with what each SDK reads of its own API.
const answer = {
  id: 'x',
  object: 'chat.completion',
  type: 'message',
  role: 'assistant',
  content: [{ type: 'text', text: 'hello' }],
  usage: { input_tokens: 1, output_tokens: 1 },
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
}

/** With a certificate it speaks HTTP/1.1 and HTTP/2 over TLS, as gateways do. */
export async function startServer(certificate?: Certificate): Promise<Server> {
  const received: Received[] = []
  const failed = new Set<string>()

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request)
    const url = new URL(request.url ?? '', 'http://localhost')
    // After a redirect that drops the body, the id is in the query, where the redirect has put it.
    const [id = ''] = /(conversation|side|outside)-\d+/.exec(body + url.search) ?? []
    received.push({ id, keys: keysOn(request) })
    const [, kind, to, ...rest] = url.pathname.split('/')
    if (Number(kind) >= 300) {
      const location = `${decodeURIComponent(to ?? '')}/plain/${rest.join('/')}?id=${id}`
      response.writeHead(Number(kind), { location }).end()
    } else if (kind === 'flaky' && !failed.has(id)) {
      failed.add(id)
      response.writeHead(503, { 'retry-after-ms': '1', 'content-type': 'application/json' }).end('{}')
    } else {
      const { method = '', headers } = request
      const isSigned = isSignedWith(SECRET, { method, path: url.pathname, headers, body })
      const status = headers.authorization?.startsWith('AWS4') === true && !isSigned ? 403 : 200
      const headersOut = { 'content-type': 'application/json', 'x-backend': 'backend-1' }
      response.writeHead(status, headersOut).end(JSON.stringify(answer))
    }
  }

  const server = certificate
    ? createSecureServer({ ...certificate, allowHTTP1: true }, (request, response) =>
        respond(request as never, response as never),
      )
    : createServer(respond)
  const sockets = new Set<Socket>()
  for (const event of ['connection', 'secureConnection']) server.on(event, (socket: Socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    received,
    clear: () => {
      received.length = 0
      failed.clear()
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function keysOn({ rawHeaders }: IncomingMessage): string[] {
  return rawHeaders.filter((_, i) => i % 2 === 1 && NAMES.includes(rawHeaders[i - 1]?.toLowerCase() ?? ''))
}
