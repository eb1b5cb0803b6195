// The dispatcher seam, where undici is the real one.

import { runWithSession } from 'llm-affinity'
import { affinityInterceptor } from 'llm-affinity/undici'

const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

export async function undici({ major, home, foreign, conversations }) {
  const u = await import(major === 7 ? 'undici7' : 'undici')
  const path = '/v1/models'
  const dispatcher = new u.Agent({ connections: 4 }).compose(
    u.interceptors.redirect({ maxRedirections: 3 }),
    affinityInterceptor({ origins: [home, foreign] }),
  )
  const request = async (origin, more) => (await u.request(`${origin}${path}`, { dispatcher, ...more })).body.text()
  await request(home)
  await runWithSession('conversation-42', async () => {
    await request(home)
    await (await u.fetch(`${home}${path}`, { dispatcher })).text()
  })
  await Promise.all(
    Array.from({ length: conversations }, (_, i) =>
      runWithSession(`conversation-${i}`, async () => {
        await rest(i % 7)
        await request(home, { method: 'POST', body: JSON.stringify({ id: `conversation-${i}` }) })
      }),
    ),
  )
  const before = u.getGlobalDispatcher()
  u.setGlobalDispatcher(dispatcher)
  await runWithSession('conversation-42', async () => (await fetch(`${foreign}/v1/platform`)).text())
  u.setGlobalDispatcher(before)
  await dispatcher.close()
  return null
}
