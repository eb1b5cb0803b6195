// Who else receives an outcome, and what happens when a listener fails.

import diagnostics from 'node:diagnostics_channel'
import { affinityFetch, type Fetch, type Outcome, runWithSession, Session } from 'llm-affinity'
import { redirectTo, startRecorder } from 'llm-affinity-testkit'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { json, PATH, row } from '../support/bodies.ts'
import { oneOfEachKind } from '../support/integrations.ts'
import { answer, freshId, from, listening } from '../support/outcomes.ts'
import { recorder } from '../support/recorder.ts'
import { keysAt } from '../support/wire.ts'

const home = await recorder()

const published: unknown[] = []
const subscriber = (message: unknown): void => {
  published.push(message)
}
afterEach(() => {
  diagnostics.unsubscribe('llm-affinity:outcome', subscriber)
  published.length = 0
})

describe.each(oneOfEachKind)('$name', (integration) => {
  it('publishes to subscribers the same outcome that its listener receives', async () => {
    home.script(from('a', 'b', 'c'))
    await listening(integration, home.origin, { session: new Session(freshId()) }, async ({ call, outcomes }) => {
      await call()
      diagnostics.subscribe('llm-affinity:outcome', subscriber)
      await call()
      diagnostics.unsubscribe('llm-affinity:outcome', subscriber)
      await call()
      expect(published).toHaveLength(1)
      expect(published[0]).toBe(outcomes[1])
    })
  })

  it('publishes one outcome for each answer, even without a listener or evidence', async () => {
    const session = new Session(freshId())
    diagnostics.subscribe('llm-affinity:outcome', subscriber)
    const silent = { session, gateway: 'bifrost' as const, onOutcome: undefined as never }
    await listening(integration, home.origin, silent, async ({ call }) => {
      await call()
      await call()
    })
    expect(published).toMatchObject([{ result: 'unknown' }, { result: 'unknown' }])
    expect(session.lastOutcome).toBe(published[1])
  })

  it('passes the unread response to its listener where the integration is a fetch', async () => {
    const told: unknown[] = []
    const onOutcome = (_: Outcome, response?: Response): void => {
      told.push(response && [response.status, response.bodyUsed, response.headers.get('x-backend')])
    }
    home.script(answer({ 'x-backend': 'a' }))
    await listening(integration, home.origin, { onOutcome }, async ({ call }) => {
      expect(await runWithSession(freshId(), call)).toContain('heard')
    })
    expect(told).toEqual([integration.name.startsWith('undici') ? undefined : [200, false, 'a']])
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
])('warns once about a listener that %s, and names no id and no key', async (_what, onOutcome) => {
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

it('reports no outcome when a user-defined fetch follows a redirect to another origin', async () => {
  const away = await startRecorder()
  const outcomes: Outcome[] = []
  const following: Fetch = (input, init) => fetch(input, { ...init, redirect: 'follow' })
  const send = affinityFetch({ fetch: following, onOutcome: (outcome) => void outcomes.push(outcome) })
  home.script(redirectTo(`${away.origin}/away`), redirectTo('/back'))
  for (let i = 0; i < 2; i++) await runWithSession(freshId(), () => send(`${home.origin}/v1/models`))
  await away.close()
  expect(away.received).toBe(1)
  expect(outcomes.map(({ origin }) => origin)).toEqual([home.origin])
})

it('reports no outcome for a call whose body cannot carry the field, and passes its init on unchanged', async () => {
  const outcomes: Outcome[] = []
  const inits: unknown[] = []
  const gateway = { ...row, evidence: { backend: 'x-backend' } }
  const send = affinityFetch({
    gateway,
    onOutcome: (outcome) => void outcomes.push(outcome),
    fetch: (input, init) => {
      inits.push(init)
      return fetch(input, init)
    },
  })
  const bodies = ['[]', '{"prompt_cache_key":null}', new Blob(['{}']), '{}']
  const given = bodies.map((body) => ({ method: 'POST', headers: json, body }))
  for (const init of given) await runWithSession(freshId(), () => send(`${home.origin}${PATH}`, init))
  expect(inits.map((init, i) => init === given[i])).toEqual([true, true, true, false])
  expect(outcomes).toHaveLength(1)
})

it('reports no outcome when a fetch hides redirects, as a browser’s does, and then follows them without a key', async () => {
  const outcomes: Outcome[] = []
  const hiding: Fetch = async (input, init) => {
    const answer = await fetch(input, init)
    return init?.redirect === 'manual' && answer.status === 307 ? HIDDEN : answer
  }
  const send = affinityFetch({ fetch: hiding, onOutcome: (outcome) => void outcomes.push(outcome) })
  const url = `${home.origin}/v1/models`
  home.script(redirectTo('/v1/models'), redirectTo('/v1/models'))
  const answer = await runWithSession(freshId(), () => send(url))
  expect([answer.status, answer.url]).toEqual([200, url])
  expect(keysAt(home).slice(1)).toEqual([undefined, undefined])
  expect(outcomes).toEqual([])
})

// None of the runtimes here returns such a response.
const HIDDEN = { type: 'opaqueredirect', status: 0, headers: new Headers(), body: null } as Response
