import { EventEmitter } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Recorder, startRecorder } from 'llm-affinity-testkit'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keysAt } from '../support/wire.ts'

// Two installed copies of what is published, in one process: what a duplicate in node_modules is.
type Copy = typeof import('llm-affinity')
const folder = mkdtempSync(join(tmpdir(), 'llm-affinity-'))
const core = fileURLToPath(new URL('../../packages/llm-affinity/', import.meta.url))

async function installed(name: string): Promise<Copy> {
  const at = join(folder, name)
  cpSync(join(core, 'dist'), join(at, 'dist'), { recursive: true })
  cpSync(join(core, 'package.json'), join(at, 'package.json'))
  return load(name)
}

/** An entry of an installed copy. */
async function load<Entry = Copy>(name: string, entry = 'index'): Promise<Entry> {
  return (await import(pathToFileURL(join(folder, name, `dist/${entry}.js`)).href)) as Entry
}

let server: Recorder
let one: Copy
let other: Copy
beforeAll(async () => {
  server = await startRecorder()
  one = await installed('one')
  other = await installed('other')
})
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})

it('are limited to two', () => {
  expect(one.Session).not.toBe(other.Session)
})

it('share one scope: entered in one, used in the other, left by either', async () => {
  const url = `${server.origin}/v1/models`
  const session = new one.Session('conversation-42')
  await one.runWithSession(session, async () => {
    expect(other.currentSession()).toBe(session)
    await other.affinityFetch()(url)
    await other.runWithoutSession(async () => {
      expect(one.currentSession()).toBeUndefined()
      await one.affinityFetch()(url)
    })
    await other.runWithSession('inner-session', () => one.affinityFetch()(url))
  })
  await other.affinityFetch({ session })(url)
  await other.runWithSession(session, () => one.affinityFetch()(url))
  expect(keysAt(server)).toEqual(['conversation-42', undefined, 'inner-session', 'conversation-42', 'conversation-42'])
})

it('stamp once if both see a request', async () => {
  server.clear()
  const send = one.affinityFetch({ fetch: other.affinityFetch() })
  await one.runWithSession('conversation-42', () => send(`${server.origin}/v1/models`))
  expect(keysAt(server)).toEqual(['conversation-42'])
})

describe('wrap a client that the other has wrapped', () => {
  const turn = { model: 'm', messages: [{ role: 'user' as const, content: 'Hello' }] }
  const bare = () => new OpenAI({ baseURL: `${server.origin}/v1`, apiKey: 'none', maxRetries: 0 })

  it.each([
    ['the same options', {}, [undefined, 'conversation-42']],
    ['another gateway', { gateway: 'olla' }, ['conversation-42', undefined]],
    ['no gateway', { gateway: 'none' }, [undefined, undefined]],
  ] as const)('with %s: it counts once', async (_, options, keys) => {
    for (const [inner, outer] of [
      [one, other],
      [other, one],
    ] as const) {
      server.clear()
      const openai = outer.withAffinity(inner.withAffinity(bare()), options)
      await one.runWithSession('conversation-42', () => openai.chat.completions.create(turn))
      expect(server.requests).toHaveLength(1)
      expect(['x-olla-session-id', 'x-session-id'].map((name) => server.requests[0]?.header(name))).toEqual(keys)
    }
  })

  it('with a session of its own: the later one counts', async () => {
    server.clear()
    const wrapped = one.withAffinity(bare(), { session: new one.Session('first-session') })
    const openai = other.withAffinity(wrapped, { session: new other.Session('second-session') })
    await openai.chat.completions.create(turn)
    expect(keysAt(server)).toEqual(['second-session'])
  })
})

it('nest their server helpers: the events of a request belong to the inner session', async () => {
  type Server = typeof import('llm-affinity/server')
  const [outer, inner] = await Promise.all(['one', 'other'].map((name) => load<Server>(name, 'server')))
  const sessions = [outer, inner].map((copy) => copy?.serverSessions({ secret: 'a secret of the test' }))
  const outside = sessions[0]?.express(() => new one.Session('outer-conversation'))
  const inside = sessions[1]?.express(() => new other.Session('inner-conversation'))
  const response = new EventEmitter()
  const keys: (string | undefined)[] = []
  response.on('finish', () => keys.push(one.currentSession()?.key))
  outside?.({}, response, () => inside?.({}, response, () => {}))
  response.emit('finish')
  expect(keys).toEqual(['inner-conversation'])
})

it('patch the global fetch in turns, undo that in any order, and leave no layers behind', () => {
  const original = globalThis.fetch
  let undo = one.patchGlobalFetch({ origins: server.origin })
  for (let i = 0; i < 10; i++) {
    const undoNext = (i % 2 === 0 ? other : one).patchGlobalFetch({ origins: server.origin })
    undo()
    undo = undoNext
  }
  undo()
  const left = globalThis.fetch
  globalThis.fetch = original
  expect(left).toBe(original)
})

it('forget each other’s calls: after an answer that is an error, a caller’s own headers are left alone', async () => {
  server.clear()
  const url = `${server.origin}/v1/models`
  const elsewhere = await startRecorder()
  // The guard of each is on: that of the first sees a request first, and its answer last.
  await one.runWithSession('conversation-42', () => one.affinityFetch()(url))
  await one.runWithSession('conversation-42', () => other.affinityFetch()(url))
  for (const copy of [one, other]) {
    server.script({ status: 401, body: '' })
    await one.runWithSession('conversation-42', () => copy.affinityFetch()(url))
    const headers = { 'x-session-id': 'conversation-42', 'x-litellm-session-id': 'conversation-42' }
    await fetch(`${elsewhere.origin}/v1/models`, { headers })
  }
  expect(keysAt(elsewhere)).toEqual(['conversation-42', 'conversation-42'])
  await elsewhere.close()
})
