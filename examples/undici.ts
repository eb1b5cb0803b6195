// undici, for code that has no SDK between itself and HTTP: one interceptor, and every attempt of a retry is stamped.
import { runWithoutSession, runWithSession } from 'llm-affinity'
import { affinityInterceptor } from 'llm-affinity/undici'
import { fail, startRecorder } from 'llm-affinity-testkit'
import { Agent, fetch, interceptors, request } from 'undici'
import { show } from './show.ts'

// Stands in for your gateway, and keeps what it is sent.
await using gateway = await startRecorder()

const retry = interceptors.retry({ methods: ['POST'], statusCodes: [503], minTimeout: 10 })
const agent = new Agent().compose(affinityInterceptor({ origins: gateway.origin }), retry)

async function ask(content: string): Promise<unknown> {
  const { body } = await request(`${gateway.baseURL}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: prompt(content),
    dispatcher: agent,
  })
  return body.json()
}

// The fetch of the same package takes the same agent; the built-in fetch of Node does not take an agent of undici 8.
async function askByFetch(content: string): Promise<unknown> {
  const headers = { 'content-type': 'application/json' }
  const url = `${gateway.baseURL}/chat/completions`
  const response = await fetch(url, { method: 'POST', headers, body: prompt(content), dispatcher: agent })
  return response.json()
}

function prompt(content: string): string {
  return JSON.stringify({ model: 'test-model', messages: [{ role: 'user', content }] })
}

await runWithSession('conversation-42', async () => {
  await ask('turn 1')

  gateway.script(fail(503, 2))
  await ask('turn 2, answered at the third attempt')

  await runWithoutSession(() => ask('title'))

  await askByFetch('turn 3, by fetch')
})

await agent.close()
show(gateway)
