import type { Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** A listening server. */
export interface Listening {
  readonly origin: string
  /** The number of a socket, counted from 1 in the order in which they were opened. */
  connection(socket: Socket): number
  /** Ends every socket, idle or not, and frees the port. Later calls wait for the first. */
  close(): Promise<void>
}

/** Long enough that a slow test never reuses a socket while the server closes it as idle. */
const keepAliveTimeout = 60_000

/** Listens on the loopback interface only. Rejects with the system's error if the port is taken. */
export async function listen(server: Server, port: number): Promise<Listening> {
  const connections = new WeakMap<Socket, number>()
  let opened = 0
  server.keepAliveTimeout = keepAliveTimeout
  server.on('connection', (socket) => {
    opened += 1
    connections.set(socket, opened)
    // Nagle's algorithm would delay small events, and so the first token.
    socket.setNoDelay(true)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
  let closed: Promise<void> | undefined
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connection: (socket) => connections.get(socket) ?? 0,
    close: () => {
      closed ??= new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
      return closed
    },
  }
}
