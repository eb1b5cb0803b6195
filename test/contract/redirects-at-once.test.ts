import { runWithSession, Session } from 'llm-affinity'
import { affinityInterceptor } from 'llm-affinity/undici'
import { redirectTo } from 'llm-affinity-testkit'
import * as undici8 from 'undici'
import * as undici7 from 'undici7'
import { describe, expect, it } from 'vitest'
import { integrations } from '../support/integrations.ts'
import { recorder } from '../support/recorder.ts'
import { keysAt } from '../support/wire.ts'

const home = await recorder()
const foreign = await recorder()
const COUNT = 40

describe.each(integrations.filter((integration) => integration.redirects))('$name', (integration) => {
  it('sends no key to another origin when many calls of one session are redirected there at once', async () => {
    home.script(Array.from({ length: COUNT }, () => redirectTo(`${foreign.origin}/away`)))
    const connection = integration.connect(home.origin, {})
    const calls = Array.from({ length: COUNT }, () => runWithSession('conversation-42', () => connection.call()))
    // The final answer is not one that an SDK can parse.
    await Promise.allSettled(calls)
    await connection.close()
    expect(new Set(keysAt(home))).toEqual(new Set(['conversation-42']))
    expect(foreign.received).toBeGreaterThanOrEqual(COUNT)
    expect(new Set(keysAt(foreign))).toEqual(new Set([undefined]))
  })
})

it.each<[string, typeof undici8]>([
  ['8', undici8],
  ['7', undici7 as unknown as typeof undici8],
])('stamps calls and hops to a second named origin: undici %s under its fetch', async (_version, u) => {
  const dispatcher = new u.Agent().compose(affinityInterceptor({ origins: [home.origin, foreign.origin] }))
  const session = new Session('conversation-42')
  const call = (url: string) => session.run(() => u.fetch(url, { dispatcher }))
  for (let i = 0; i < 3; i++) {
    home.script(redirectTo(`${foreign.origin}/away`))
    await (await call(`${home.origin}/v1/models`)).text()
    await (await call(`${foreign.origin}/v1/models`)).text()
  }
  await dispatcher.close()
  expect(keysAt(foreign)).toEqual(Array.from({ length: 6 }, () => 'conversation-42'))
})
