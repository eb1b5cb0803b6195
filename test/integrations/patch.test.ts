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

/** A global fetch, and how many stack frames its last call has come through. */
function countingFrames(): { readonly bottom: typeof fetch; frames(): number } {
  let frames = 0
  const bottom: typeof fetch = (...args) => {
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = Number.POSITIVE_INFINITY
    frames = new Error('here').stack?.split('\n').length ?? 0
    Error.stackTraceLimit = limit
    return original(...args)
  }
  globalThis.fetch = bottom
  return { bottom, frames: () => frames }
}

describe('patchGlobalFetch', () => {
  it('stamps named origins and nothing else, and can be undone', async () => {
    const undo = patchGlobalFetch({ origins: [home.origin] })
    await call(home)
    await call(foreign)
    undo()
    expect(globalThis.fetch).toBe(original)
    await call(home)
    expect(keysAt(home)).toEqual([KEY, undefined])
    expect(keysAt(foreign)).toEqual([undefined])
  })

  it('is not misled by an origin inside another URL', async () => {
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

  it('covers a path prefix and nothing else', async () => {
    const undo = patchGlobalFetch({ origins: `${home.origin}/v1` })
    await runWithSession(KEY, async () => {
      await fetch(`${home.origin}/v1/models`)
      await fetch(`${home.origin}/v1beta/models`)
    })
    undo()
    expect(keysAt(home)).toEqual([KEY, undefined])
  })

  it('nests, and each undo removes its own patch, in any order, more than once', async () => {
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

  it('steps aside below another library’s patch, and does not remove that one', async () => {
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

  it('leaves no layers behind, in whatever order patches are undone', async () => {
    const { bottom, frames } = countingFrames()
    const undoLast = patchGlobalFetch({ origins: foreign.origin, gateway: 'olla' })
    let undoOne = patchGlobalFetch({ origins: home.origin })
    for (let i = 0; i < 1000; i++) {
      const undoNext = patchGlobalFetch({ origins: home.origin })
      undoOne()
      undoOne = undoNext
    }
    await call(home)
    expect(frames()).toBeLessThan(150)
    undoOne()
    await call(home)
    undoLast()
    expect(globalThis.fetch).toBe(bottom)
    await call(home)
    expect(keysAt(home)).toEqual([KEY, undefined, undefined])
  })

  it('leaves no layers behind below a patch of its own that stays', async () => {
    const { bottom, frames } = countingFrames()
    const undos = Array.from({ length: 1000 }, () => patchGlobalFetch({ origins: home.origin }))
    const undoTop = patchGlobalFetch({ origins: home.origin })
    for (const undo of undos) undo()
    await call(home)
    expect(frames()).toBeLessThan(150)
    undoTop()
    expect(globalThis.fetch).toBe(bottom)
    expect(keysAt(home)).toEqual([KEY])
  })

  it('leaves no layers behind below another library’s patch once that one is called', async () => {
    const { bottom, frames } = countingFrames()
    const undos = Array.from({ length: 1000 }, () => patchGlobalFetch({ origins: home.origin }))
    const ours = globalThis.fetch
    const theirs: typeof fetch = (...args) => ours(...args)
    globalThis.fetch = theirs
    for (const undo of undos) undo()
    await call(home)
    expect(frames()).toBeLessThan(150)
    expect(globalThis.fetch).toBe(theirs)
    // They take their patch away, and ours is what they have found.
    globalThis.fetch = ours
    await call(home)
    expect(globalThis.fetch).toBe(bottom)
    expect(keysAt(home)).toEqual([undefined, undefined])
  })

  it('does not build on an undone patch that other code has put back', async () => {
    const undo = patchGlobalFetch({ origins: home.origin })
    const ours = globalThis.fetch
    undo()
    globalThis.fetch = ours
    const undoNext = patchGlobalFetch({ origins: home.origin, gateway: 'olla' })
    await call(home)
    undoNext()
    expect(globalThis.fetch).toBe(original)
    expect(home.requests.map((request) => request.header('x-olla-session-id'))).toEqual([KEY])
    expect(keysAt(home)).toEqual([undefined])
  })

  it('a client that has kept the fetch of a patch calls the fetch below it once the patch is undone', async () => {
    const undoHome = patchGlobalFetch({ origins: home.origin })
    const undoOlla = patchGlobalFetch({ origins: home.origin, gateway: 'olla' })
    const kept = globalThis.fetch
    undoHome()
    await runWithSession(KEY, () => kept(`${home.origin}/v1/models`))
    undoOlla()
    await runWithSession(KEY, () => kept(`${home.origin}/v1/models`))
    expect(home.requests.map((request) => request.header('x-olla-session-id'))).toEqual([KEY, undefined])
    expect(keysAt(home)).toEqual([undefined, undefined])
  })

  it('leaves redirects to the fetch of Node, also where a patch between them was undone', async () => {
    const undoLower = patchGlobalFetch({ origins: foreign.origin })
    const undo = patchGlobalFetch({ origins: home.origin })
    for (const prepare of [undoLower, () => {}]) {
      prepare()
      home.script({ status: 307, headers: { location: `${home.origin}/v1/models` } })
      // What is followed by hand has clones that do not say so.
      expect((await call(home)).clone().redirected).toBe(true)
    }
    undo()
    expect(keysAt(home)).toEqual([KEY, KEY, KEY, KEY])
  })

  it('looks like the fetch that it patches: its name, its length and its other properties', () => {
    const theirs = Object.assign((_url: string | URL | Request, ...rest: [RequestInit?]) => original(_url, ...rest), {
      [Symbol.for('theirs')]: true,
    })
    const members = (fetch: object): object => ({ ...Object.getOwnPropertyDescriptors(fetch), prototype: undefined })
    for (const before of [original, theirs]) {
      globalThis.fetch = before
      const undo = patchGlobalFetch({ origins: home.origin })
      expect(members(globalThis.fetch)).toEqual(members(before))
      undo()
    }
  })

  it('keeps properties that a runtime adds to fetch', () => {
    const preconnect = (): void => {}
    globalThis.fetch = Object.assign((...args: Parameters<typeof fetch>) => original(...args), { preconnect })
    const undo = patchGlobalFetch({ origins: home.origin })
    expect(Reflect.get(globalThis.fetch, 'preconnect')).toBe(preconnect)
    undo()
  })

  it('together with a wrapped client stamps once, for the gateway of the client', async () => {
    const undo = patchGlobalFetch({ origins: home.origin, session: new Session('patched-session') })
    const client = withAffinity(new OpenAI({ baseURL: `${home.origin}/v1`, apiKey: 'test' }), {
      session: new Session('client-session'),
    })
    await client.models.list()
    undo()
    expect(keysAt(home)).toEqual(['client-session'])
  })

  it('stamps no hop that an integration above it has left unstamped, though it covers that origin', async () => {
    const undo = patchGlobalFetch({ origins: [home.origin, foreign.origin], session: new Session('patched-session') })
    home.script({ status: 307, headers: { location: `${foreign.origin}/v1/models` } })
    await affinityFetch({ session: new Session('fetch-session') })(`${home.origin}/v1/models`)
    undo()
    expect(keysAt(home)).toEqual(['fetch-session'])
    expect(keysAt(foreign)).toEqual([undefined])
  })
})
