import { createServer, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Backend, Backends } from './program.ts'

/** Backends that also answer `GET /health`, which inference servers do, routers ask for, and our replicas leave out. */
export interface Healthy {
  readonly backends: Backends
  close(): Promise<void>
}

/** Puts something before each backend that answers for its health as long as it lives, and hands on all else as it is. */
export async function healthy([a, b, c]: Backends): Promise<Healthy> {
  const fronts = await Promise.all([front(a), front(b), front(c)])
  return {
    backends: [fronts[0].backend, fronts[1].backend, fronts[2].backend],
    close: async () => {
      for (const { server } of fronts) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
    },
  }
}

async function front({ name, origin }: Backend): Promise<{ readonly backend: Backend; readonly server: Server }> {
  const server = createServer((incoming, outgoing) => {
    const { method = 'GET', url = '/', headers } = incoming
    const onward = request(origin + url, { method, headers }, (answer) => {
      const status = url === '/health' ? 200 : answer.statusCode
      outgoing.writeHead(status ?? 502, answer.rawHeaders)
      answer.pipe(outgoing).once('close', () => answer.destroy())
      answer.once('error', () => outgoing.destroy())
    })
    onward.once('error', () => dead(outgoing))
    outgoing.once('close', () => onward.destroy())
    incoming.pipe(onward)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  return { backend: { name, origin: `http://127.0.0.1:${port}` }, server }
}

// As nobody would answer.
function dead(outgoing: ServerResponse): void {
  outgoing.socket?.resetAndDestroy()
}
