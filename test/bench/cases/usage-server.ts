// Streams as many events as are asked for, in a process of its own: as fast as they are taken, or one by one, so that each
// is a network chunk of its own.

import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { setImmediate as turn } from 'node:timers/promises'

// As long as a client takes for one event, so that it has none to take when the next one comes.
const TURNS = 20

const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_700_000_000, model: 'test-model' }
const event = (more: object): string => `data: ${JSON.stringify({ ...head, ...more })}\n\n`
const word = event({ choices: [{ index: 0, delta: { content: ' word' }, finish_reason: null }], usage: null })
const usage = { prompt_tokens: 1000, prompt_tokens_details: { cached_tokens: 900 } }
const end = `${event({ choices: [], usage })}data: [DONE]\n\n`

async function stream(response: ServerResponse, events: number, turns: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (let i = 1; i < events && !response.destroyed; i++) {
    if (!response.write(word)) await once(response, 'drain')
    for (let waited = 0; waited < turns; waited++) await turn()
  }
  response.end(end)
}

const server = createServer(async (request, response) => {
  const { max_completion_tokens: events } = JSON.parse(await text(request))
  await stream(response, events, request.url?.startsWith('/slow') ? TURNS : 0)
})
server.keepAliveTimeout = 0
server.listen(0, '127.0.0.1', () => process.send?.(server.address()))

process.on('disconnect', () => process.exit())
