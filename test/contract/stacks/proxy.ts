import { createServer, request as forward } from 'node:http'
import { connect, type Server } from 'node:net'

/**
 * A proxy that resolves every name to the loopback address. It serves http by absolute URL, and https by a tunnel, which a
 * client may also use for http.
 *
 * @param tunnels Receives the headers of each CONNECT request.
 */
export function makeProxy(tunnels: (readonly string[])[]): Server {
  const proxy = createServer((request, response) => {
    const { port, pathname } = new URL(request.url ?? '')
    const { method, rawHeaders: headers } = request
    const sent = forward({ host: '127.0.0.1', port, path: pathname, ...(method && { method }), headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
      answer.pipe(response)
    })
    request.pipe(sent.on('error', () => response.destroy()))
  })
  return proxy.on('connect', (request, socket) => {
    tunnels.push(request.rawHeaders)
    const through = connect(Number(request.url?.split(':').at(-1)), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      socket.pipe(through.on('error', () => {})).pipe(socket.on('error', () => {}))
      through.on('close', () => socket.destroy())
      socket.on('close', () => through.destroy())
    })
  })
}
