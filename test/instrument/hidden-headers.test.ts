import { createServer, request } from 'node:http'
import { runWithSession } from 'llm-affinity'
import { instrument } from 'llm-affinity/instrument'
import { LearnedState } from 'llm-affinity/learned'
import { afterAll, expect, it } from 'vitest'
import { listen } from '../../packages/testkit/src/servers/listen.ts'

const server = createServer((incoming, response) => {
  const status = incoming.url === '/moved' ? 307 : 200
  response.writeHead(status, { 'set-cookie': 'lb=a; Path=/', ...(status === 307 && { location: '/' }) }).end()
})
const { origin, close } = await listen(server, 0)
afterAll(close)

it('a request whose answer is a redirect shows the headers that its caller has set, and no others', async () => {
  const undo = instrument({ origins: origin, use: new LearnedState({ cookies: ['lb'] }) })
  const headersOf = (path: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const sent = request(origin + path, { headers: { cookie: 'theme=dark', 'x-mine': '1' } })
      sent.once('error', reject)
      sent.once('response', (answer) => {
        const { host: _, connection: __, ...all } = sent.getHeaders()
        answer.resume().once('end', () => resolve([all, sent.getHeader('cookie'), sent.hasHeader('x-session-id')]))
      })
      sent.end()
    })
  try {
    await runWithSession('conversation-42', async () => {
      await headersOf('/')
      const own = { cookie: 'theme=dark', 'x-mine': '1' }
      expect(await headersOf('/moved')).toEqual([own, 'theme=dark', false])
      const key = { 'x-session-id': 'conversation-42', 'x-litellm-session-id': 'conversation-42' }
      const cookie = 'theme=dark; lb=a'
      expect(await headersOf('/')).toEqual([{ ...own, ...key, cookie }, cookie, true])
    })
  } finally {
    undo()
  }
})
