import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'
import { startByHand } from './byhand.ts'
import type { Program } from './program.ts'

/**
 * What comes of a stream of three pieces through a program, each of which its backend writes only once the one before has
 * arrived: where something is held back, this waits for ever.
 */
export async function piecesThrough(program: Program): Promise<readonly (string | null | undefined)[]> {
  let more = (): void => {}
  await using backend = await startByHand('gated', async (response) => {
    // Milliseconds: see startFleet.
    await sleep(20)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (let piece = 0; piece < 3; piece++) {
      const gate = new Promise<void>((resolve) => {
        more = resolve
      })
      response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: `piece ${piece}` } }] })}\n\n`)
      await gate
    }
    response.end('data: [DONE]\n\n')
  })
  await using gateway = await program.start([backend, backend, backend])
  const client = new OpenAI({ baseURL: `${gateway.origin}/v1`, apiKey: 'none', maxRetries: 0 })
  const messages = [{ role: 'user' as const, content: 'Hello' }]
  const stream = await client.chat.completions.create({ model: 'test-model', messages, stream: true })
  const texts: (string | null | undefined)[] = []
  for await (const { choices } of stream) {
    texts.push(choices[0]?.delta.content)
    more()
  }
  return texts
}
