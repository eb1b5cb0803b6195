import { currentSession, type Evidence, runWithoutSession, runWithSession, Session } from 'llm-affinity'
import { redirectTo } from 'llm-affinity-testkit'
import { describe, expect, it } from 'vitest'
import { integrations } from '../support/integrations.ts'
import { answer, freshId, from, listening } from '../support/outcomes.ts'
import { recorder } from '../support/recorder.ts'
import { keysAt } from '../support/wire.ts'

const home = await recorder()
const foreign = await recorder()

// The location of a redirect whose next request is answered by the script.
const back = (): string => `${home.origin}/back`
const hit = { 'x-olla-sticky-session': 'hit', 'x-olla-endpoint': 'gpu-1', 'x-olla-sticky-key-source': 'header' }

describe.each(integrations)('$name', (integration) => {
  it('reports an answer’s outcome once, before the caller receives the answer', async () => {
    const session = new Session(freshId())
    home.script(answer({ ...hit, 'x-olla-session-id': session.key }))
    await listening(integration, home.origin, { gateway: 'olla' }, async ({ call, outcomes }) => {
      const told = session.run(() => call()).then(() => [...outcomes])
      expect(await told).toEqual([
        {
          session,
          gateway: 'olla',
          origin: home.origin,
          status: 200,
          result: 'hit',
          backend: 'gpu-1',
          source: 'header',
        },
      ])
      expect(outcomes[0]?.session).toBe(session)
      expect(session.lastOutcome).toBe(outcomes[0])
    })
    expect(home.requests).toHaveLength(1)
  })

  it('counts the gateway’s own attempts', async () => {
    const tries = { 'x-litellm-attempted-retries': '2', 'x-litellm-attempted-fallbacks': '1' }
    home.script(answer(tries), answer({ 'x-litellm-attempted-retries': '0' }), answer({}))
    await listening(integration, home.origin, { gateway: 'litellm' }, async ({ call, outcomes }) => {
      for (let turn = 0; turn < 3; turn++) await runWithSession(freshId(), call)
      expect(outcomes.map(({ attempt }) => attempt)).toEqual([4, 1, undefined])
    })
  })

  it('counts an error as one of the failed attempts, and a success as one more attempt', async () => {
    const tries = (count: string, status: number) => answer({ 'x-fallback-attempts': count }, status)
    home.script(tries('3', 404), tries('3', 200), tries('0', 200), tries('0', 400), answer({}, 404))
    await listening(integration, home.origin, { gateway: 'freellmapi' }, async ({ call, outcomes }) => {
      for (let turn = 0; turn < 5; turn++) await runWithSession(freshId(), call)
      expect(outcomes.map(({ attempt }) => attempt)).toEqual([3, 4, 1, undefined, undefined])
    })
  })

  it('reports the outcome of a failure too', async () => {
    home.script(answer({ 'x-backend': 'a' }, 404))
    await listening(integration, home.origin, {}, async ({ call, outcomes }) => {
      await runWithSession(freshId(), call)
      expect(outcomes).toMatchObject([{ status: 404, backend: 'a', result: 'unknown' }])
    })
  })

  it('reports no outcome for calls that were not stamped', async () => {
    home.script(from('a', 'a', 'a'))
    const session = new Session(freshId())
    await listening(integration, home.origin, {}, async ({ call, outcomes }) => {
      await call()
      await session.run(() => runWithoutSession(call))
      await session.run(() => call({ headers: { 'x-session-id': 'mine' } }))
      expect(outcomes).toEqual([])
    })
    expect(home.requests).toHaveLength(3)
    expect(session.lastOutcome).toBeUndefined()
  })

  it('reports no outcome for calls to other origins', async () => {
    home.script(from('a'))
    await listening(integration, home.origin, { origins: foreign.origin }, async ({ call, outcomes }) => {
      await runWithSession(freshId(), call)
      expect(outcomes).toEqual([])
    })
    expect(home.requests).toHaveLength(1)
  })

  it('reports a side call under its lane, where the gateway requires a key', async () => {
    const session = new Session(freshId())
    home.script(answer({ 'x-b': 'a' }))
    const gateway = { name: 'strict', headers: ['x-needed'], requiresKey: true, evidence: { backend: 'x-b' } }
    await listening(integration, home.origin, { gateway }, async ({ call, outcomes }) => {
      await session.run(() => runWithoutSession(call))
      expect(outcomes.map((outcome) => outcome.session.key)).toEqual([session.lane('side-call').key])
      expect(session.lastOutcome).toBeUndefined()
    })
  })

  it('keeps the last outcome in the session without a listener, if the gateway gives evidence', async () => {
    const [session, silent] = [new Session(freshId()), new Session(freshId())]
    home.script(from('a', 'b'), answer({}), from('c'))
    const bare = { onOutcome: undefined as never }
    await listening(integration, home.origin, { ...bare, session }, async ({ call }) => {
      await call()
      expect(session.lastOutcome).toMatchObject({ result: 'unknown', backend: 'a' })
      await call()
      expect(session.lastOutcome).toMatchObject({ result: 'moved', backend: 'b' })
      await call()
      expect(session.lastOutcome).toMatchObject({ result: 'unknown' })
      expect(session.lastOutcome).not.toHaveProperty('backend')
      // The outcome is not in a property that a copy or a serialiser would include.
      expect(Reflect.ownKeys({ ...session })).toEqual(Reflect.ownKeys({ ...new Session(freshId()) }))
    })
    await listening(integration, home.origin, { ...bare, session: silent, gateway: 'bifrost' }, ({ call }) => call())
    expect(silent.lastOutcome).toBeUndefined()
    await listening(integration, home.origin, { session: silent, gateway: 'bifrost' }, async ({ call, outcomes }) => {
      await call()
      expect(outcomes).toEqual([
        { session: silent, gateway: 'bifrost', origin: home.origin, status: 200, result: 'unknown' },
      ])
      expect(silent.lastOutcome).toBe(outcomes[0])
    })
  })

  it.each<[string, Evidence, object]>([
    ['an outcome value', { outcome: 'X-Word', outcomeValues: { yes: 'hit' } }, { result: 'hit' }],
    ['a backend', { backend: 'X-Who' }, { result: 'unknown', backend: 'a' }],
  ])(
    'keeps the last outcome where the only evidence is %s, in any letter case of the row',
    async (_what, evidence, said) => {
      const session = new Session(freshId())
      home.script(answer({ 'x-word': 'yes', 'x-who': 'a' }))
      const gateway = { name: 'terse', headers: ['x-key'], evidence }
      const silent = { gateway, session, onOutcome: undefined as never }
      await listening(integration, home.origin, silent, ({ call }) => call())
      expect(session.lastOutcome).toEqual({ session, gateway: 'terse', origin: home.origin, status: 200, ...said })
    },
  )

  it('calls its listener in the scope of the call, whichever call opened the socket', async () => {
    const scopes: (Session | undefined)[] = []
    const onOutcome = (): void => void scopes.push(currentSession())
    const sessions = Array.from({ length: 20 }, () => new Session(freshId()))
    await listening(integration, home.origin, { onOutcome }, async ({ call }) => {
      for (const session of sessions) await session.run(() => call())
      await Promise.all(sessions.map((session) => session.run(() => call())))
    })
    expect(scopes.slice(0, sessions.length)).toEqual(sessions)
    expect(new Set(scopes.slice(sessions.length))).toEqual(new Set(sessions))
  })

  it('completes the call when its listener throws, rejects or never settles', async () => {
    const session = new Session(freshId())
    let calls = 0
    const faults = [
      () => {
        throw new Error('not today')
      },
      () => Promise.reject(new Error('not today either')),
      () => new Promise(() => {}),
    ]
    const onOutcome = (): unknown => faults[calls++ % faults.length]?.()
    const bare = integration.connect(home.origin, null)
    const expected = await bare.call().finally(() => bare.close())
    const client = integration.connect(home.origin, { session, onOutcome: onOutcome as () => void })
    for (let i = 0; i < 6; i++) expect((await client.call()).length).toBe(expected.length)
    await client.close()
    expect(calls).toBe(6)
    expect(home.requests).toHaveLength(7)
    expect(session.lastOutcome).toMatchObject({ status: 200 })
  })

  it('does not change a stream', async () => {
    // An event that both OpenAI's reader and Anthropic's accept.
    const delta = { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'ä €' }, choices: [] }
    const events = `event: content_block_delta\ndata: ${JSON.stringify(delta)}\n\n`.repeat(40)
    const step = { status: 200, headers: { 'content-type': 'text/event-stream', 'x-backend': 'a' }, body: events }
    const read = async (stream: AsyncIterable<unknown> | undefined): Promise<unknown[]> => {
      const chunks: unknown[] = []
      for await (const chunk of stream ?? []) chunks.push(chunk)
      return chunks.every((chunk) => chunk instanceof Uint8Array) ? [Buffer.concat(chunks).toString()] : chunks
    }
    home.script(step, step)
    const bare = integration.connect(home.origin, null)
    const expected = await read(await bare.stream?.()).finally(() => bare.close())
    let heard = 0
    const client = integration.connect(home.origin, { onOutcome: () => void heard++ })
    const stream = await runWithSession(freshId(), () => client.stream?.())
    expect(heard).toBe(1)
    expect(await read(stream).finally(() => client.close())).toEqual(expected)
    expect(heard).toBe(1)
    expect(JSON.stringify(expected)).toContain('ä €')
  })

  if (integration.retries)
    it(
      integration.seesAttempts ? 'reports every attempt' : 'reports the last attempt, the only one that it sees',
      async () => {
        const session = new Session(freshId())
        home.script(
          answer({ 'x-olla-sticky-session': 'miss' }, 500),
          { reset: true },
          answer({ 'x-olla-sticky-session': 'repin', 'retry-after': '0' }, 429),
          answer({ 'x-olla-sticky-session': 'hit' }),
        )
        // Some SDKs make two attempts after the first.
        const one = { gateway: 'olla' as const, session }
        await listening(integration, home.origin, one, async ({ call, outcomes }) => {
          while (home.requests.length < 4) await call()
          const told = outcomes.map(({ status, result }) => `${status} ${result}`)
          expect(told).toEqual(integration.seesAttempts ? ['500 miss', '429 repin', '200 hit'] : ['200 hit'])
          expect(session.lastOutcome).toBe(outcomes.at(-1))
        })
        expect(home.requests).toHaveLength(4)
      },
    )

  if (!integration.redirects)
    it('reports no outcome for a redirect that is not followed', async () => {
      home.script(answer({ 'x-backend': 'a', location: '/back' }, 307))
      await listening(integration, home.origin, {}, async ({ call, outcomes }) => {
        await runWithSession(freshId(), call)
        expect(outcomes).toEqual([])
      })
      expect(home.requests).toHaveLength(1)
    })

  if (integration.redirects) {
    it.each([301, 302, 303, 307, 308])('reports the answer after a %d, and not the redirect', async (status) => {
      home.script(answer({ 'x-backend': 'a', location: back() }, status), from('b'))
      await listening(integration, home.origin, {}, async ({ call, outcomes }) => {
        await runWithSession(freshId(), call)
        expect(outcomes).toMatchObject([{ status: 200, backend: 'b', origin: home.origin }])
      })
      expect(home.requests).toHaveLength(2)
    })

    it('reports no outcome for an answer from another origin', async () => {
      const session = new Session(freshId())
      home.script(redirectTo(`${foreign.origin}/away`))
      foreign.script(from('stranger'))
      await listening(integration, home.origin, { session }, async ({ call, outcomes }) => {
        await call()
        expect(outcomes).toEqual([])
      })
      expect(foreign.requests).toHaveLength(1)
      expect(session.lastOutcome).toBeUndefined()
    })

    it.each([
      ['directly', 0],
      ['after a redirect at the first origin', 1],
    ])(
      'reports an answer of the first origin behind a foreign one, reached %s: that request was stamped again',
      async (_how, hops) => {
        const session = new Session(freshId())
        home.script(Array.from({ length: hops }, () => redirectTo('/on')))
        home.script(redirectTo(`${foreign.origin}/away`), from('a'))
        foreign.script(redirectTo(back()))
        await listening(integration, home.origin, { session }, async ({ call, outcomes }) => {
          await call()
          expect(outcomes).toMatchObject([{ backend: 'a', origin: home.origin }])
        })
        expect(home.requests.map(({ path }) => path).at(-1)).toBe('/back')
        expect(keysAt(foreign)).toEqual([undefined])
      },
    )
  }
})
