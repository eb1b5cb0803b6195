// Headers that no gateway should send. They come from the network, so they must be ignored and cause no harm.

import { Session } from 'llm-affinity'
import { describe, expect, it } from 'vitest'
import { oneOfEachKind } from '../support/integrations.ts'
import { answer, freshId, listening } from '../support/outcomes.ts'
import { rawServer } from '../support/raw-server.ts'
import { recorder } from '../support/recorder.ts'

const raw = await rawServer()
const home = await recorder()

const utf8 = (text: string): string => Buffer.from(text).toString('latin1')
const SOUND = 'x-backend: a'

const backends: [string, string[]][] = [
  ['absent', []],
  ['empty', ['x-backend:']],
  ['blank', ['x-backend:    ']],
  ['sent twice', ['x-backend: a', 'x-backend: b']],
  ['sent twice with one value', ['x-backend: a', 'X-Backend: a']],
  ['sent twice, once empty', ['x-backend: a', 'x-backend:']],
  ['a list', ['x-backend: a,b']],
  ['too long', [`x-backend: ${'a'.repeat(257)}`]],
  ['just below the longest header that a client accepts', [`x-backend: ${'a'.repeat(15_000)}`]],
  ['not ASCII, in Latin-1', ['x-backend: caf\xe9']],
  ['not ASCII, in UTF-8', [`x-backend: ${utf8('cafés 後端')}`]],
  ['of two lines, by a Unicode line separator', [`x-backend: ${utf8('a\u2028b')}`]],
  ['with a tab in it', ['x-backend: a\tb']],
  ['with the byte 0x80 in it', ['x-backend: a\x80']],
]

const words = [
  'HIT',
  'hit, hit',
  'Hit',
  'hit!',
  'constructor',
  'toString',
  '__proto__',
  'hit\tx',
  '',
  'x'.repeat(15_000),
]

describe.each(oneOfEachKind)('$name', (integration) => {
  it.each(backends)('ignores a backend that is %s, and keeps the one that it knew before', async (_what, lines) => {
    raw.script([SOUND], lines, lines, [SOUND])
    await listening(
      integration,
      raw.origin,
      { session: new Session(freshId()) },
      async ({ call, outcomes, results }) => {
        expect(await call()).not.toBeUndefined()
        for (let turn = 0; turn < 3; turn++) await call()
        expect(results()).toEqual(['unknown', 'unknown', 'unknown', 'hit'])
        expect(outcomes.map(({ backend }) => backend)).toEqual(['a', undefined, undefined, 'a'])
        expect(outcomes.map((outcome) => 'backend' in outcome)).toEqual([true, false, false, true])
      },
    )
  })

  it('matches header names in any letter case, in the answer and in the row', async () => {
    raw.script(['X-BACKEND: a', 'X-Tries: 1'])
    const evidence = { backend: 'X-Backend', retryHeaders: ['x-TRIES'] }
    const gateway = { name: 'shouting', headers: ['X-Session-Id'], evidence }
    await listening(
      integration,
      raw.origin,
      { gateway, session: new Session(freshId()) },
      async ({ call, outcomes }) => {
        await call()
        await call()
        expect(outcomes).toMatchObject([
          { result: 'unknown', backend: 'a', attempt: 2 },
          { result: 'hit', backend: 'a', attempt: 2 },
        ])
      },
    )
  })

  it.each(['hit', 'miss', 'repin', 'disabled'])('reads the outcome value %s', async (word) => {
    home.script(answer({ 'x-olla-sticky-session': word, 'x-olla-endpoint': 'a' }))
    await listening(
      integration,
      home.origin,
      { gateway: 'olla', session: new Session(freshId()) },
      async ({ call, outcomes }) => {
        await call()
        expect(outcomes).toMatchObject([{ result: word, backend: 'a' }])
      },
    )
  })

  it.each(words)('ignores the outcome value %j, and does not compare backends instead', async (word) => {
    raw.script([`x-olla-sticky-session: ${word}`, 'x-olla-endpoint: a', 'x-olla-sticky-key-source: x,y'])
    await listening(
      integration,
      raw.origin,
      { gateway: 'olla', session: new Session(freshId()) },
      async ({ call, outcomes }) => {
        await call()
        await call()
        const { session } = outcomes[0] ?? {}
        const told = { session, gateway: 'olla', origin: raw.origin, status: 200, result: 'unknown', backend: 'a' }
        expect(outcomes).toEqual([told, told])
      },
    )
  })

  it('does not count an answer that echoes another key as evidence, and learns nothing from it', async () => {
    const session = new Session(freshId())
    const echo = (key: string) => ['x-echo: b', `x-key: ${key}`]
    raw.script(echo(session.key), echo('another-session'), echo(`${session.key}, ${session.key}`), echo(session.key), [
      'x-echo: b',
    ])
    const gateway = { name: 'echo', headers: ['x-key'], evidence: { backend: 'x-echo', echo: 'x-key' } }
    await listening(integration, raw.origin, { gateway, session }, async ({ call, outcomes, results }) => {
      for (let turn = 0; turn < 5; turn++) await call()
      expect(results()).toEqual(['unknown', 'unknown', 'unknown', 'hit', 'hit'])
      expect(outcomes.map(({ backend }) => backend)).toEqual(['b', undefined, undefined, 'b', 'b'])
    })
  })

  it('reports no attempt where the count of retries is not a number', async () => {
    const counts = ['x', '-1', '1.5', '1e3', '12345', '1, 1', '']
    raw.script(...counts.map((count) => [`x-fallback-attempts: ${count}`]), ['x-fallback-attempts: 9999'])
    await listening(
      integration,
      raw.origin,
      { gateway: 'freellmapi', session: new Session(freshId()) },
      async (heard) => {
        for (let turn = 0; turn <= counts.length; turn++) await heard.call()
        expect(heard.outcomes.map(({ attempt }) => attempt)).toEqual([...counts.map(() => undefined), 10_000])
      },
    )
  })

  it('reports no attempt where one of several counts is not a number', async () => {
    const evidence = { retryHeaders: ['x-retries', 'x-fallbacks'] }
    const gateway = { name: 'counting', headers: ['x-session-id'], evidence }
    raw.script(
      ['x-retries: 2', 'x-fallbacks: 12345'],
      ['x-retries: 2', 'x-fallbacks: 1', 'x-fallbacks: 1'],
      ['x-retries: 2', 'x-fallbacks: 1'],
      ['x-retries: 2'],
    )
    await listening(
      integration,
      raw.origin,
      { gateway, session: new Session(freshId()) },
      async ({ call, outcomes }) => {
        for (let turn = 0; turn < 4; turn++) await call()
        expect(outcomes.map(({ attempt }) => attempt)).toEqual([undefined, undefined, 4, 3])
      },
    )
  })

  it('compares the part of a header that `backendPattern` matches, and nothing of a header that is sent twice', async () => {
    const trace = (text: string) => [`x-cpa-trace-id: ${text}`]
    raw.script(
      trace('171-3-abc'),
      trace('172-3-d-e'),
      trace('173-4-f'),
      trace('174'),
      trace('1-3-a, 1-3-a'),
      trace('1-4-g'),
    )
    await listening(
      integration,
      raw.origin,
      { gateway: 'cliproxyapi', session: new Session(freshId()) },
      async (heard) => {
        const model = integration.seesBody
        for (let turn = 0; turn < 6; turn++) await heard.call()
        expect(heard.outcomes.map(({ backend }) => backend)).toEqual(['3', '3', '4', undefined, undefined, '4'])
        expect(heard.results()).toEqual(
          model ? ['unknown', 'hit', 'moved', 'unknown', 'unknown', 'hit'] : Array(6).fill('unknown'),
        )
      },
    )
  })
})
