// Who else is told of an outcome, and what a listener's faults come to.

import diagnostics from 'node:diagnostics_channel'
import { type Outcome, runWithSession, Session } from 'llm-affinity'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { answer, freshId, from, listening } from '../support/outcomes.ts'
import { recorder } from '../support/recorder.ts'
import { seams } from '../support/seams.ts'

const home = await recorder()

const published: unknown[] = []
const subscriber = (message: unknown): void => {
  published.push(message)
}
afterEach(() => {
  diagnostics.unsubscribe('llm-affinity:outcome', subscriber)
  published.length = 0
})

describe.each(seams)('$name', (seam) => {
  it('publishes to whoever subscribes what it tells its listener', async () => {
    home.script(from('a', 'b', 'c'))
    await listening(seam, home.origin, { session: new Session(freshId()) }, async ({ call, outcomes }) => {
      await call()
      diagnostics.subscribe('llm-affinity:outcome', subscriber)
      await call()
      diagnostics.unsubscribe('llm-affinity:outcome', subscriber)
      await call()
      expect(published).toHaveLength(1)
      expect(published[0]).toBe(outcomes[1])
    })
  })

  it('publishes where nobody listens and the gateway gives no evidence, once an answer', async () => {
    const session = new Session(freshId())
    diagnostics.subscribe('llm-affinity:outcome', subscriber)
    const silent = { session, gateway: 'bifrost' as const, onOutcome: undefined as never }
    await listening(seam, home.origin, silent, async ({ call }) => {
      await call()
      await call()
    })
    expect(published).toMatchObject([{ result: 'unknown' }, { result: 'unknown' }])
    expect(session.lastOutcome).toBe(published[1])
  })

  it('hands its listener the answer, unread, where it is a fetch', async () => {
    const told: unknown[] = []
    const onOutcome = (_: Outcome, response?: Response): void => {
      told.push(response && [response.status, response.bodyUsed, response.headers.get('x-backend')])
    }
    home.script(answer({ 'x-backend': 'a' }))
    await listening(seam, home.origin, { onOutcome }, async ({ call }) => {
      expect(await runWithSession(freshId(), call)).toContain('heard')
    })
    expect(told).toEqual([seam.name.startsWith('undici') ? undefined : [200, false, 'a']])
  })
})

it.each([
  [
    'throws',
    () => {
      throw new Error('not today')
    },
  ],
  ['rejects', () => Promise.reject(new Error('not today'))],
])('a listener that %s is a warning, once, that names no id and no key', async (_what, onOutcome) => {
  const warnings: string[] = []
  const listen = (warning: Error): number => warnings.push(warning.message)
  process.on('warning', listen)
  vi.resetModules()
  const fresh = await import('llm-affinity')
  const send = fresh.affinityFetch({ onOutcome: onOutcome as () => void })
  for (let i = 0; i < 3; i++) {
    const response = await fresh.runWithSession('conversation-42', () => send(`${home.origin}/v1/models`))
    expect(response.status).toBe(200)
  }
  await new Promise(setImmediate)
  process.off('warning', listen)
  expect(warnings).toEqual(['llm-affinity: `onOutcome` threw. The call went on'])
})
