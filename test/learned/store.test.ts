import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import KeyvRedis from '@keyv/redis'
import Keyv from 'keyv'
import { affinityFetch, runWithSession, Session } from 'llm-affinity'
import { LearnedState, type StateStore } from 'llm-affinity/learned'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { Conversation } from '../../packages/llm-affinity/src/learned/conversation.ts'
import { listen } from '../../packages/testkit/src/servers/listen.ts'
import { redis, startRedis } from '../support/redis.ts'

let tokens: (string | undefined)[] = []
let count = 0
const server = createServer((request, response) => {
  const given = request.headers['x-token']
  tokens.push(given === undefined ? undefined : String(given))
  const token = given ?? `token-${++count}`
  request.resume().once('end', () => response.writeHead(200, { 'x-token': token }).end('{}'))
})
const { origin, close } = await listen(server, 0)
afterAll(close)
beforeEach(() => {
  tokens = []
  count = 0
})

type Call = (id?: string) => Promise<void>

/** What another process would have: another LearnedState over the same store. */
function processOf(store: StateStore, storeWaitMs = 5000): { learned: LearnedState; call: Call } {
  const learned = new LearnedState({ headers: ['x-token'], store, storeWaitMs })
  const send = affinityFetch({ use: learned })
  const call: Call = (id = 'conversation-42') =>
    runWithSession(id, async () => void (await (await send(origin, { method: 'POST', body: '{}' })).text()))
  return { learned, call }
}

/** A Map whose calls are counted. */
class Counting extends Map<string, string> {
  reads = 0
  writes = 0
  override get(key: string): string | undefined {
    this.reads++
    return super.get(key)
  }
  override set(key: string, value: string): this {
    this.writes++
    return super.set(key, value)
  }
}

describe('a shared store', () => {
  it('lets processes take turns in one conversation, two at once included', async () => {
    const store = new Keyv()
    const [one, two] = [processOf(store), processOf(store)]
    await one.call()
    await two.call()
    await Promise.all([one.call(), two.call(), two.call()])
    expect(tokens).toEqual([undefined, 'token-1', 'token-1', 'token-1', 'token-1'])
  })

  it('is waited for by all calls that start at once', async () => {
    const store = new Map<string, string>()
    const late = {
      get: (key: string) => new Promise<unknown>((resolve) => setTimeout(() => resolve(store.get(key)), 50)),
      set: (key: string, value: string) => store.set(key, value),
      delete: (key: string) => store.delete(key),
    }
    await processOf(late).call()
    const { learned } = processOf(late)
    const send = affinityFetch({ use: learned })
    const session = new Session('conversation-42')
    await session.run(() => Promise.all([send(origin), send(origin), send(origin)]))
    expect(tokens).toEqual([undefined, 'token-1', 'token-1', 'token-1'])
  })

  it('is read once for each session object, and written on change only', async () => {
    const store = new Counting()
    const { call, learned } = processOf(store)
    for (let turn = 0; turn < 5; turn++) await call()
    expect([store.reads, store.writes]).toEqual([5, 1])
    const session = new Session('conversation-7')
    const send = affinityFetch({ use: learned })
    for (let turn = 0; turn < 3; turn++) await session.run(async () => (await send(origin)).text())
    expect([store.reads, store.writes]).toEqual([6, 2])
  })

  it('carries a move to the other process', async () => {
    const store = new Map()
    const [one, two] = [processOf(store), processOf(store)]
    await one.call()
    await two.call()
    const session = new Session('conversation-42')
    const send = affinityFetch({ use: one.learned })
    await session.run(async () => (await send(origin)).text())
    session.repin()
    await session.run(async () => (await send(origin)).text())
    await two.call()
    expect(tokens).toEqual([undefined, 'token-1', 'token-1', undefined, 'token-2'])
  })

  it('has the last of several changes, also where it is slow', async () => {
    const store = new Map<string, string>()
    const set = async (key: string, value: string): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      store.set(key, value)
    }
    const get = (key: string): string | undefined => store.get(key)
    const one = processOf({ get, set, delete: (key) => store.delete(key) })
    const session = new Session('conversation-42')
    const send = affinityFetch({ use: one.learned })
    const call = (): Promise<string> => session.run(async () => (await send(origin)).text())
    await call()
    session.repin()
    await call()
    session.repin()
    await call()
    await expect.poll(() => JSON.parse([...store.values()][0] ?? '{}').moves).toBe(2)
    expect([...store.values()][0]).toContain('token-3')
  })

  it('does not bring back what was handed out earlier', () => {
    const of = new Conversation()
    const state = (value: string, at: number) => ({ moves: 0, epoch: 0, places: { a: { 'x-token': { value, at } } } })
    of.merge(state('later', 2))
    expect(of.merge(state('earlier', 1))).toBe(true)
    expect(of.toJSON().places).toEqual(state('later', 2).places)
    expect(of.merge(state('latest', 3))).toBe(false)
    expect(of.toJSON().places).toEqual(state('latest', 3).places)
  })

  it('has no id, key or tenant in its own keys', async () => {
    const store = new Map<string, string>()
    await processOf(store).call()
    const [[key = '', value = ''] = []] = store
    expect(key).toMatch(/^llm-affinity:[0-9a-f]{64}$/)
    expect(value).not.toContain('conversation-42')
  })

  it('is asked to delete with `end`', async () => {
    const store = new Map<string, string>()
    const { call, learned } = processOf(store)
    await call()
    expect(store.size).toBe(1)
    await learned.end(new Session('conversation-42'))
    expect(store.size).toBe(0)
  })

  it.each<[string, () => Partial<StateStore>]>([
    ['never answers', () => ({ get: () => new Promise(() => {}), set: () => new Promise(() => {}) })],
    [
      'rejects',
      () => ({ get: async () => Promise.reject(new Error('down')), set: () => Promise.reject(new Error('down')) }),
    ],
    [
      'throws',
      () => ({
        get: () => {
          throw new Error('down')
        },
      }),
    ],
    ['returns nonsense', () => ({ get: async () => '{"moves":' })],
    ['returns something of another kind', () => ({ get: async () => ({ moves: 7 }) })],
    ['returns a text that is too long', () => ({ get: async () => `"${'a'.repeat(100_000)}"` })],
  ])('that %s costs no call, and only the pin between processes', async (_, broken) => {
    const store: StateStore = { get: () => undefined, set: () => undefined, delete: () => true, ...broken() }
    const { call } = processOf(store, 20)
    for (let turn = 0; turn < 4; turn++) await call()
    expect(tokens).toEqual([undefined, 'token-1', 'token-1', 'token-1'])
  })

  it('that does not answer is waited for once, and then left alone for a while', async () => {
    let reads = 0
    const get = (): Promise<never> => {
      reads++
      return new Promise(() => {})
    }
    const { call } = processOf({ get, set: () => undefined, delete: () => true }, 20)
    for (let turn = 0; turn < 10; turn++) await call()
    expect(reads).toBe(1)
  })
})

const isHere = redis.find() !== undefined
describe.skipIf(!isHere)(`with a real Redis${isHere ? '' : ': not installed, run npm run projects:install'}`, () => {
  it('three processes take turns in ten conversations, all at once', async () => {
    const running = await startRedis()
    const url = `redis://127.0.0.1:${running.port}`
    const keyv = new Keyv(new KeyvRedis(url))
    const children = Array.from({ length: 3 }, () =>
      fork(fileURLToPath(new URL('./child.ts', import.meta.url)), [origin, url], { execArgv: ['--no-warnings'] }),
    )
    try {
      await Promise.all(children.map((child) => once(child, 'message')))
      const ids = Array.from({ length: 10 }, (_, at) => `conversation-${at}`)
      const seen = new Map<string, Set<string>>()
      const turn = async (id: string, at: number): Promise<void> => {
        const child = children[at % 3]
        const answered = new Promise<string>((resolve) => {
          const listener = ({ id: of, token }: { id: string; token: string }): void => {
            if (of !== id) return
            child?.off('message', listener)
            resolve(token)
          }
          child?.on('message', listener)
        })
        child?.send(id)
        seen.set(id, (seen.get(id) ?? new Set()).add(await answered))
      }
      const stored = async (): Promise<number> => {
        let count = 0
        for await (const _ of keyv.iterator?.(undefined) ?? []) count++
        return count
      }
      await Promise.all(ids.map((id, at) => turn(id, at)))
      // No call waits for a write: a turn that follows at once, in another process, may come before it.
      await expect.poll(stored).toBe(ids.length)
      for (let round = 1; round < 6; round++) await Promise.all(ids.map((id, at) => turn(id, at + round)))
      expect([...seen.values()].map((each) => each.size)).toEqual(ids.map(() => 1))
      expect(new Set([...seen.values()].flatMap((each) => [...each])).size).toBe(ids.length)
      const names: unknown[] = []
      for await (const [name] of keyv.iterator?.(undefined) ?? []) names.push(name)
      expect(String(names[0])).toContain('llm-affinity:')
    } finally {
      for (const child of children) child.kill()
      await keyv.disconnect()
      await running.stop()
    }
  })
})
