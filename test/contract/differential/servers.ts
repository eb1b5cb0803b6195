// Two servers that answer each call by its own script, which they find by the id in the call's path, so that many calls
// can be in flight at once. They record the raw requests.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll } from 'vitest'
import { listen } from '../../../packages/testkit/src/servers/listen.ts'

export interface Step {
  readonly status: number
  readonly statusText?: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
  /** `truncated` declares more than it sends, `slow` pauses in the middle, `reset` closes without an answer. */
  readonly how?: 'truncated' | 'slow' | 'reset'
}

/** A request as it arrived. */
export interface Arrived {
  readonly at: 'home' | 'foreign'
  readonly line: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Latin-1. Undefined while it is being received, or if the client aborted. */
  body: string | undefined
  /** Whether the client closed the connection before the answer was complete. */
  closed: boolean
}

export interface Call {
  readonly steps: readonly Step[]
  readonly arrived: (Arrived & { readonly settled: Promise<unknown> })[]
  /** Called when a request has arrived, before it is answered. */
  onArrival(count: number): void
}

export const ID: RegExp = /c\d{6}[ab]/

const calls = new Map<string, Call>()

/** Makes the servers answer calls with this id. */
export function script(id: string, steps: readonly Step[], onArrival: Call['onArrival']): Call {
  const call = { steps, arrived: [], onArrival }
  calls.set(id, call)
  return call
}

export function forget(id: string): void {
  calls.delete(id)
}

/** What an in-memory fetch answers with. */
export function nextStep(url: string): Step | undefined {
  const call = calls.get(ID.exec(url)?.[0] ?? '')
  return call && (call.steps[call.arrived.length] ?? call.steps.at(-1))
}

async function serve(at: Arrived['at'], request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = request.url ?? ''
  const call = calls.get(ID.exec(url)?.[0] ?? '')
  if (call === undefined) {
    response.writeHead(410).end()
    return
  }
  const raw = request.rawHeaders
  const headers = raw.flatMap((name, i) => (i % 2 === 0 ? [[name, raw[i + 1] ?? ''] as const] : []))
  const chunks: Buffer[] = []
  const answered = Promise.withResolvers<void>()
  const arrived: Call['arrived'][number] = {
    at,
    line: `${request.method} ${url}`,
    headers,
    body: undefined,
    closed: false,
    settled: answered.promise,
  }
  call.arrived.push(arrived)
  const count = call.arrived.length
  const step = call.steps[count - 1] ?? call.steps.at(-1)
  response.on('close', () => {
    arrived.closed = !response.writableFinished
    answered.resolve()
  })
  try {
    for await (const chunk of request) chunks.push(chunk)
  } catch {
    return
  }
  arrived.body = Buffer.concat(chunks).toString('latin1')
  call.onArrival(count)
  if (step !== undefined) await answer(step, response)
}

async function answer({ status, statusText, headers, body, how }: Step, response: ServerResponse): Promise<void> {
  if (how === 'reset') {
    response.destroy()
    return
  }
  const promised = how === 'truncated' ? body.length + 10 : body.length
  const hasLength = how !== 'slow' && status !== 204 && status !== 304
  const length = hasLength ? ['content-length', `${promised}`] : []
  const lines = [...headers.flat(), ...length, 'date', 'Thu, 26 Nov 2026 00:00:00 GMT']
  response.writeHead(status, statusText, lines)
  if (how === undefined) {
    response.end(body)
    return
  }
  response.write(body.subarray(0, 4))
  await wait(how === 'slow' ? 20 : 2)
  if (how === 'slow') response.end(body.subarray(4))
  else response.destroy()
}

// For a request whose declared length exceeds its body: the server would wait for the rest until the call counts as hung.
const TIMEOUTS = { requestTimeout: 2000, headersTimeout: 2000, connectionsCheckingInterval: 200 }

export async function startServers(): Promise<Readonly<Record<'home' | 'foreign', string>>> {
  const [home, foreign] = await Promise.all(
    (['home', 'foreign'] as const).map((at) =>
      listen(
        createServer(TIMEOUTS, (request, response) => {
          serve(at, request, response).catch(() => response.destroy())
        }),
        0,
      ),
    ),
  )
  if (home === undefined || foreign === undefined) throw new Error('two servers')
  afterAll(async () => {
    await Promise.all([home.close(), foreign.close()])
  })
  return { home: home.origin, foreign: foreign.origin }
}
