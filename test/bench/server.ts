// A server that answers at once, in a process of its own so that its work is not in anybody's figures.

import { createServer } from 'node:http'

const ANSWER = JSON.stringify({ id: 'answer', choices: [{ message: { role: 'assistant', content: 'Heard.' } }] })

let seen: unknown

const server = createServer((request, response) => {
  seen = request.headers
  request.resume().on('end', () => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length }).end(ANSWER)
  })
})
// A socket that closes in the middle of a round would be an error in one arm.
server.keepAliveTimeout = 0
server.listen(0, '127.0.0.1', () => process.send?.(server.address()))

process.on('message', () => process.send?.(seen))
process.on('disconnect', () => process.exit())
