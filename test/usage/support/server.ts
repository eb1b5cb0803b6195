import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll } from 'vitest'
import { listen } from '../../../packages/testkit/src/servers/listen.ts'

/** A body, in the pieces in which it is sent. */
export interface Body {
  readonly pieces: readonly (string | Uint8Array)[]
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** What comes after the last piece. Default: the end. */
  readonly ending?: 'breaks off' | 'nothing'
}

/** A server that answers every request with the same body. */
export interface BodyServer {
  readonly origin: string
  body: Body
  /** Resolves when the next of its answers was given up by whoever asked. */
  givenUp(): Promise<unknown>
}

/** A body server for the tests of a file. */
export async function bodyServer(): Promise<BodyServer> {
  const givenUp: (() => void)[] = []
  const server = createServer(async (request, response) => {
    request.resume()
    await once(request, 'end')
    response.once('close', () => {
      if (!response.writableFinished) for (const tell of givenUp.splice(0)) tell()
    })
    await send(response, made.body)
  })
  const { origin, close } = await listen(server, 0)
  afterAll(close)
  const made: BodyServer = {
    origin,
    body: { pieces: [] },
    givenUp: () => new Promise<void>((resolve) => givenUp.push(resolve)),
  }
  return made
}

async function send(response: ServerResponse, { pieces, status = 200, headers, ending }: Body): Promise<void> {
  response.writeHead(status, headers)
  response.flushHeaders()
  for (const piece of pieces) {
    if (response.destroyed) return
    // Each has left before the next, in a frame of its own.
    await new Promise((resolve) => response.write(piece, resolve))
    await turn()
  }
  if (ending === 'breaks off') response.destroy()
  else if (ending === undefined) response.end()
}
