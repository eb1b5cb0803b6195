import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** A request as it arrived, after all hops. */
export interface Arrival {
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

export interface EchoServer extends AsyncDisposable {
  readonly origin: string
  readonly arrivals: readonly Arrival[]
}

/** An LLM server without a model, which answers with the names of the headers that reached it, and keeps what it got. */
export async function startEcho(host: string, port: number): Promise<EchoServer> {
  const arrivals: Arrival[] = []
  const server = createServer((incoming, outgoing) => {
    answer(incoming, outgoing, arrivals).catch(() => outgoing.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve)
  })
  const { port: taken } = server.address() as AddressInfo
  return {
    origin: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    arrivals,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function answer(incoming: IncomingMessage, outgoing: ServerResponse, arrivals: Arrival[]): Promise<void> {
  const body = await text(incoming)
  const headers = new Map(Object.entries(incoming.headersDistinct).map(([name, all = []]) => [name, all.join(', ')]))
  const { model, stream } = fieldsOf(body)
  if (incoming.method !== 'POST') {
    // Gateways ask whether we are well, and what we have.
    send(outgoing, { object: 'list', data: [{ id: 'echo', object: 'model', created: 0, owned_by: 'echo' }] })
    return
  }
  arrivals.push({ headers, body })
  const reply = { model, content: [...headers.keys()].join(' ') }
  const isMessages = incoming.url?.includes('/messages') === true
  if (stream !== true) send(outgoing, isMessages ? message(reply) : completion(reply))
  else streamOf(outgoing, isMessages ? messageEvents(reply) : completionEvents(reply))
}

interface Reply {
  readonly model: unknown
  readonly content: string
}

const ID = 'echo'
const NONE = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }
const NO_TOKENS = { input_tokens: 0, output_tokens: 0 }

function completion({ model, content }: Reply): object {
  const choices = [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }]
  return { id: ID, object: 'chat.completion', created: 0, model, choices, usage: NONE }
}

function completionEvents({ model, content }: Reply): string[] {
  const chunk = (delta: object, finish_reason: string | null): string =>
    JSON.stringify({
      id: ID,
      object: 'chat.completion.chunk',
      created: 0,
      model,
      choices: [{ index: 0, delta, finish_reason }],
    })
  return [`data: ${chunk({ role: 'assistant', content }, null)}`, `data: ${chunk({}, 'stop')}`, 'data: [DONE]']
}

function message({ model, content }: Reply): object {
  const text = [{ type: 'text', text: content }]
  return { id: ID, type: 'message', role: 'assistant', model, content: text, stop_reason: 'end_turn', usage: NO_TOKENS }
}

function messageEvents(reply: Reply): string[] {
  const events: { readonly type: string }[] = [
    { type: 'message_start', ...{ message: { ...message(reply), content: [], stop_reason: null } } },
    { type: 'content_block_start', ...{ index: 0, content_block: { type: 'text', text: '' } } },
    { type: 'content_block_delta', ...{ index: 0, delta: { type: 'text_delta', text: reply.content } } },
    { type: 'content_block_stop', ...{ index: 0 } },
    { type: 'message_delta', ...{ delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 0 } } },
    { type: 'message_stop' },
  ]
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}`)
}

function send(outgoing: ServerResponse, body: object): void {
  outgoing.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function streamOf(outgoing: ServerResponse, events: readonly string[]): void {
  outgoing.writeHead(200, { 'content-type': 'text/event-stream' }).end(events.map((event) => `${event}\n\n`).join(''))
}

function fieldsOf(body: string): { readonly model?: unknown; readonly stream?: unknown } {
  try {
    const parsed: unknown = JSON.parse(body)
    return typeof parsed === 'object' && parsed !== null ? parsed : {}
  } catch {
    return {}
  }
}
