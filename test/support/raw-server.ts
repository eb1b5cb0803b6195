import { createServer } from 'node:http'
import { afterAll } from 'vitest'
import { listen } from '../../packages/testkit/src/servers/listen.ts'
import { ANSWER } from './outcomes.ts'

/** A server whose header lines are sent byte by byte as they are, doubled and malformed ones too. */
export interface RawServer {
  readonly origin: string
  /** The header lines of the next answers, in Latin-1. The last ones are given again and again. */
  script(...answers: (readonly string[])[]): void
}

/** A raw server for the tests of a file. */
export async function rawServer(): Promise<RawServer> {
  let script: (readonly string[])[] = []
  const server = createServer((request) => {
    const lines = (script.length > 1 ? script.shift() : script[0]) ?? []
    const framed = [
      `content-length: ${Buffer.byteLength(ANSWER)}`,
      'content-type: application/json',
      'connection: close',
    ]
    const head = ['HTTP/1.1 200 OK', ...framed, ...lines].join('\r\n')
    request.resume().once('end', () => request.socket.end(Buffer.from(`${head}\r\n\r\n${ANSWER}`, 'latin1')))
  })
  const { origin, close } = await listen(server, 0)
  afterAll(close)
  return {
    origin,
    script: (...answers) => {
      script = answers
    },
  }
}
