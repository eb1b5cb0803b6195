import { affinityFetch, patchGlobalFetch, runWithSession, Session, withAffinity } from 'llm-affinity'
import type { Recorder } from 'llm-affinity-testkit'
import OpenAI from 'openai'
import { afterEach, describe, expect, it } from 'vitest'
import { recorder } from '../support/recorder.ts'
import { keysAt } from '../support/wire.ts'

const home = await recorder()
const foreign = await recorder()

const original = globalThis.fetch
afterEach(() => {
  globalThis.fetch = original
})

const KEY = 'conversation-42'
const call = (server: Recorder): Promise<Response> => runWithSession(KEY, () => fetch(`${server.origin}/v1/models`))

describe('patchGlobalFetch', () => {
  it('touches what is named and nothing else, and undoes itself', async () => {
    const undo = patchGlobalFetch({ origins: [home.origin] })
    await call(home)
    await call(foreign)
    undo()
    expect(globalThis.fetch).toBe(original)
    await call(home)
    expect(keysAt(home)).toEqual([KEY, undefined])
    expect(keysAt(foreign)).toEqual([undefined])
  })

  it('is not fooled by an origin inside of another URL', async () => {
    const undo = patchGlobalFetch({ origins: home.origin })
    await runWithSession(KEY, async () => {
      await fetch(`${foreign.origin}/?u=${home.origin}`)
      await fetch(`${foreign.origin}/${home.origin}/v1`)
      await fetch(`${foreign.origin.replace('127.0.0.1', 'localhost')}/#${home.origin}`).catch(() => {})
    })
    undo()
    expect(keysAt(foreign).every((key) => key === undefined)).toBe(true)
    expect(foreign.requests.length).toBeGreaterThanOrEqual(2)
  })

  it('covers a path prefix and nothing beside it', async () => {
    const undo = patchGlobalFetch({ origins: `${home.origin}/v1` })
    await runWithSession(KEY, async () => {
      await fetch(`${home.origin}/v1/models`)
      await fetch(`${home.origin}/v1beta/models`)
    })
    undo()
    expect(keysAt(home)).toEqual([KEY, undefined])
  })

  it('nests, and each undo takes away its own part, in any order, more than once', async () => {
    const undoHome = patchGlobalFetch({ origins: home.origin })
    const undoForeign = patchGlobalFetch({ origins: foreign.origin, gateway: 'olla' })
    await call(home)
    await call(foreign)
    undoHome()
    undoHome()
    await call(home)
    await call(foreign)
    undoForeign()
    expect(globalThis.fetch).toBe(original)
    await call(foreign)
    undoHome()
    undoForeign()
    expect(globalThis.fetch).toBe(original)
    expect(keysAt(home)).toEqual([KEY, undefined])
    expect(foreign.requests.map((request) => request.header('x-olla-session-id'))).toEqual([KEY, KEY, undefined])
  })

  it('stands aside under a patch of somebody else, and does not take that one away', async () => {
    const undo = patchGlobalFetch({ origins: home.origin })
    const ours = globalThis.fetch
    let seen = 0
    const theirs: typeof fetch = (...args) => {
      seen++
      return ours(...args)
    }
    globalThis.fetch = theirs
    undo()
    expect(globalThis.fetch).toBe(theirs)
    await call(home)
    expect(seen).toBe(1)
    expect(keysAt(home)).toEqual([undefined])
  })

  it('keeps what a runtime hangs on fetch', () => {
    const preconnect = (): void => {}
    globalThis.fetch = Object.assign((...args: Parameters<typeof fetch>) => original(...args), { preconnect })
    const undo = patchGlobalFetch({ origins: home.origin })
    expect(Reflect.get(globalThis.fetch, 'preconnect')).toBe(preconnect)
    undo()
  })

  it('together with a wrapped client stamps once, in the words of the client', async () => {
    const undo = patchGlobalFetch({ origins: home.origin, session: new Session('patched-session') })
    const client = withAffinity(new OpenAI({ baseURL: `${home.origin}/v1`, apiKey: 'test' }), {
      session: new Session('client-session'),
    })
    await client.models.list()
    undo()
    expect(keysAt(home)).toEqual(['client-session'])
  })

  it('stamps no hop that a seam above it has let go, though it covers that origin', async () => {
    const undo = patchGlobalFetch({ origins: [home.origin, foreign.origin], session: new Session('patched-session') })
    home.script({ status: 307, headers: { location: `${foreign.origin}/v1/models` } })
    await affinityFetch({ session: new Session('fetch-session') })(`${home.origin}/v1/models`)
    undo()
    expect(keysAt(home)).toEqual(['fetch-session'])
    expect(keysAt(foreign)).toEqual([undefined])
  })
})
