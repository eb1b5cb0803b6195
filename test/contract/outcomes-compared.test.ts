// Gateways that only name their backends: which outcomes are compared with which.

import { runWithSession, Session } from 'llm-affinity'
import { redirectTo } from 'llm-affinity-testkit'
import { describe, expect, it } from 'vitest'
import { oneOfEachKind } from '../support/integrations.ts'
import { answer, freshId, from, listening } from '../support/outcomes.ts'
import { recorder } from '../support/recorder.ts'

const home = await recorder()
const other = await recorder()

const served = (id: string, group?: string, base: string | null = 'http://pod-1/v1') =>
  answer({
    'x-litellm-model-id': id,
    ...(base !== null && { 'x-litellm-model-api-base': base }),
    ...(group !== undefined && { 'x-litellm-model-group': group }),
  })

describe.each(oneOfEachKind)('$name', (integration) => {
  it('compares each turn of a session with the one before', async () => {
    home.script(from('a', 'a', 'b', 'b', 'a'))
    await listening(
      integration,
      home.origin,
      { session: new Session(freshId()) },
      async ({ call, results, outcomes }) => {
        for (let turn = 0; turn < 5; turn++) await call()
        expect(results()).toEqual(['unknown', 'hit', 'moved', 'hit', 'moved'])
        expect(outcomes.map(({ backend }) => backend)).toEqual(['a', 'a', 'b', 'b', 'a'])
      },
    )
  })

  it('never compares two sessions, two lanes or two epochs', async () => {
    const session = new Session(freshId())
    home.script(from('a', 'b', 'c', 'd', 'd', 'a', 'b', 'c'))
    await listening(integration, home.origin, {}, async ({ call, results }) => {
      const speakers = [session, session.lane('titles'), new Session(freshId())]
      for (const speaker of speakers) await speaker.run(() => call())
      session.repin()
      for (const speaker of [session, session]) await speaker.run(() => call())
      expect(results()).toEqual(['unknown', 'unknown', 'unknown', 'unknown', 'hit'])
      const old = new Session(session.id)
      for (const speaker of [old, ...speakers.slice(1)]) await speaker.run(() => call())
      expect(results().slice(5)).toEqual(['hit', 'hit', 'hit'])
    })
  })

  it('compares a session with earlier turns of its key: a new object, a restored one, or a fork that shares the cache', async () => {
    const id = freshId()
    home.script(from('a', 'a', 'b', 'a'))
    await listening(integration, home.origin, {}, async ({ call, results }) => {
      await runWithSession(id, call)
      await runWithSession(id, call)
      await Session.from(JSON.parse(JSON.stringify(new Session(id)))).run(() => call())
      await new Session(id).fork({ shareCache: true }).run(() => call())
      expect(results()).toEqual(['unknown', 'hit', 'moved', 'moved'])
    })
  })

  it('learns a backend only from successful answers', async () => {
    home.script(from('a'), answer({ 'x-backend': 'b' }, 404), answer({ 'x-backend': 'a' }, 400), from('a'), from('b'))
    await listening(integration, home.origin, { session: new Session(freshId()) }, async ({ call, results }) => {
      for (let turn = 0; turn < 5; turn++) await call()
      expect(results()).toEqual(['unknown', 'moved', 'hit', 'hit', 'moved'])
    })
  })

  it('does not compare with a failure, nor with an answer without evidence', async () => {
    home.script(answer({ 'x-backend': 'b' }, 404), answer({}), from('a'), answer({}), from('a'))
    await listening(integration, home.origin, { session: new Session(freshId()) }, async ({ call, results }) => {
      for (let turn = 0; turn < 5; turn++) await call()
      expect(results()).toEqual(['unknown', 'unknown', 'unknown', 'unknown', 'hit'])
    })
  })

  it('compares each origin separately', async () => {
    const id = freshId()
    home.script(from('a', 'a'))
    other.script(from('b', 'b'))
    for (const expected of ['unknown', 'hit']) {
      for (const { origin } of [home, other]) {
        await listening(integration, origin, { session: new Session(id) }, async ({ call, outcomes }) => {
          await call()
          expect(outcomes).toMatchObject([{ origin, result: expected }])
        })
      }
    }
  })

  it('compares each model separately, where it sees the model', async () => {
    home.script(from('a', 'b', 'a', 'b'))
    await listening(integration, home.origin, { session: new Session(freshId()) }, async ({ call, results }) => {
      for (const model of ['large', 'small', 'large', 'small']) await call({ model })
      expect(results()).toEqual(
        integration.seesBody ? ['unknown', 'unknown', 'hit', 'hit'] : ['unknown', 'moved', 'moved', 'moved'],
      )
    })
  })

  it('does not remember the backend of a model whose name is too long', async () => {
    home.script(from('a', 'b', 'b'))
    await listening(integration, home.origin, { session: new Session(freshId()) }, async ({ call, results }) => {
      for (let turn = 0; turn < 3; turn++) await call({ model: 'm'.repeat(2000) })
      expect(results()).toEqual(integration.seesBody ? ['unknown', 'unknown', 'unknown'] : ['unknown', 'moved', 'hit'])
    })
  })

  it('does not compare where the gateway pins per model and the model is not known', async () => {
    home.script(served('a'), served('a'))
    await listening(
      integration,
      home.origin,
      { gateway: 'litellm', session: new Session(freshId()) },
      async ({ call, results }) => {
        for (let turn = 0; turn < 2; turn++) await call()
        expect(results()).toEqual(['unknown', integration.seesBody ? 'hit' : 'unknown'])
      },
    )
  })

  it('takes the model from the answer where the request’s body does not name it', async () => {
    home.script(served('a', 'large'), served('b', 'small'), served('a', 'large'), served('a', 'small'))
    await listening(
      integration,
      home.origin,
      { gateway: 'litellm', session: new Session(freshId()) },
      async ({ call, results }) => {
        for (const model of ['large', 'small', 'large', 'small']) await call({ model })
        expect(results()).toEqual(['unknown', 'unknown', 'hit', 'moved'])
      },
    )
  })

  if (integration.seesBody)
    it('compares by the requested model, whatever model the answer names', async () => {
      home.script(served('a', 'large'), served('b', 'fallback'), served('b'))
      await listening(
        integration,
        home.origin,
        { gateway: 'litellm', session: new Session(freshId()) },
        async ({ call, results }) => {
          for (let turn = 0; turn < 3; turn++) await call({ model: 'large' })
          expect(results()).toEqual(['unknown', 'moved', 'hit'])
        },
      )
    })

  it('distinguishes two pods of one LiteLLM deployment, and two deployments with one base URL', async () => {
    const pod = (id: string, number: number) => served(id, 'm', `http://pod-${number}/v1`)
    home.script(pod('a', 1), pod('a', 1), pod('a', 2), pod('a', 2), pod('b', 2))
    const affinity = { gateway: 'litellm' as const, session: new Session(freshId()) }
    await listening(integration, home.origin, affinity, async ({ call, outcomes, results }) => {
      for (let turn = 0; turn < 5; turn++) await call()
      expect(results()).toEqual(['unknown', 'hit', 'moved', 'hit', 'moved'])
      expect(outcomes[1]?.backend).toBe('a http://pod-1/v1')
    })
  })

  it('treats half a name as one that several backends may share, and reports `moved` only when that half differs', async () => {
    const half = (id: string) => served(id, 'm', null)
    home.script(half('a'), half('a'), served('a', 'm'), half('b'), served('a', 'm'), half('b'))
    const affinity = { gateway: 'litellm' as const, session: new Session(freshId()) }
    await listening(integration, home.origin, affinity, async ({ call, outcomes, results }) => {
      for (let turn = 0; turn < 6; turn++) await call()
      expect(results()).toEqual(['unknown', 'unknown', 'unknown', 'moved', 'hit', 'unknown'])
      expect(outcomes.map(({ backend }) => backend)).toEqual([
        ...['a', 'a', 'a http://pod-1/v1'],
        ...['b', 'a http://pod-1/v1', 'b'],
      ])
    })
  })

  it('does not compare half a name when the other half is malformed', async () => {
    const both = { 'x-litellm-model-id': 'a', 'x-litellm-model-api-base': 'http://pod-1/v1,http://pod-2/v1' }
    home.script(answer({ ...both, 'x-litellm-model-group': 'm' }), answer({ ...both, 'x-litellm-model-group': 'm' }))
    const affinity = { gateway: 'litellm' as const, session: new Session(freshId()) }
    await listening(integration, home.origin, affinity, async ({ call, outcomes, results }) => {
      for (let turn = 0; turn < 2; turn++) await call()
      expect(results()).toEqual(['unknown', 'unknown'])
      expect(outcomes.some((outcome) => 'backend' in outcome || 'absent' in outcome)).toBe(false)
    })
  })

  it('reports `moved` but never `hit` for FreeLLMAPI: one provider and model may be several accounts', async () => {
    const via = (name: string) => answer({ 'x-routed-via': name })
    home.script(...['groq/m', 'groq/m', 'cache', 'groq/m', 'custom/m', 'custom/m', 'cached/m'].map(via))
    const affinity = { gateway: 'freellmapi' as const, session: new Session(freshId()) }
    await listening(integration, home.origin, affinity, async ({ call, outcomes, results }) => {
      for (let turn = 0; turn < 7; turn++) await call()
      expect(results()).toEqual(['unknown', 'unknown', 'unknown', 'unknown', 'moved', 'unknown', 'moved'])
      expect(outcomes.map(({ backend }) => backend)).toEqual([
        ...['groq/m', 'groq/m', undefined, 'groq/m'],
        ...['custom/m', 'custom/m', 'cached/m'],
      ])
    })
  })

  it('prefers the gateway’s own result to a comparison, and then does not remember the backend', async () => {
    const said = (word: string | undefined, backend: string) =>
      answer({
        ...(word !== undefined && { 'x-olla-sticky-session': word }),
        'x-olla-endpoint': backend,
        'x-olla-model': 'm',
      })
    home.script(said('hit', 'a'), said('hit', 'b'), said('miss', 'b'), said('nonsense', 'b'))
    await listening(
      integration,
      home.origin,
      { gateway: 'olla', session: new Session(freshId()) },
      async ({ call, results }) => {
        for (let turn = 0; turn < 4; turn++) await call()
        expect(results()).toEqual(['hit', 'hit', 'miss', 'unknown'])
      },
    )
  })

  if (integration.followsByHand)
    it('compares by the key of the last hop, when the session’s key changes between hops', async () => {
      const [first, second] = [freshId(), freshId()]
      class Moving extends Session {
        override get key(): string {
          return home.requests.length === 0 ? first : second
        }
      }
      home.script(redirectTo('/back'), from('a', 'a', 'a'))
      await listening(integration, home.origin, {}, async ({ call, results }) => {
        for (const session of [new Moving(), new Session(second), new Session(first)]) await session.run(() => call())
        expect(home.requests.map((request) => request.header('x-session-id'))).toEqual([first, second, second, first])
        expect(results()).toEqual(['unknown', 'hit', 'unknown'])
      })
    })
})

it('forgets the session that was used least recently, and keeps one that was used since', {
  timeout: 300_000,
}, async () => {
  const [fetchIntegration] = oneOfEachKind
  if (fetchIntegration === undefined) throw new Error('a integration')
  const [used, unused] = [freshId(), freshId()]
  await listening(fetchIntegration, home.origin, {}, async ({ call, results }) => {
    const turn = async (id: string): Promise<string | undefined> => {
      home.script(from('a'))
      await runWithSession(id, call)
      return results().at(-1)
    }
    const others = async (count: number): Promise<void> => {
      for (let made = 0; made < count; made += 100) {
        home.clear()
        home.script(from(...Array<string>(100).fill('a')))
        await Promise.all(Array.from({ length: 100 }, () => runWithSession(freshId(), call)))
      }
    }
    expect([await turn(used), await turn(unused)]).toEqual(['unknown', 'unknown'])
    await others(5_000)
    expect(await turn(used)).toBe('hit')
    await others(5_500)
    expect([await turn(used), await turn(unused)]).toEqual(['hit', 'unknown'])
  })
})
