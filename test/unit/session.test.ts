import { AsyncLocalStorage } from 'node:async_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { currentSession, runWithoutSession, runWithSession, Session, type SessionState } from 'llm-affinity'
import { describe, expect, it, vi } from 'vitest'
import { activeScope, isDetachedScope } from '../../packages/llm-affinity/src/session/scope.ts'

describe('a session', () => {
  it('without an id gets a random one of 32 hex characters, which is its key', () => {
    const [one, other] = [new Session(), new Session()]
    expect(one.id).toMatch(/^[0-9a-f]{32}$/)
    expect(one.key).toBe(one.id)
    expect(other.id).not.toBe(one.id)
  })

  it('gives a lane the same id and the same key each time, also after a repin and in another order', () => {
    const session = new Session('conversation-42')
    const lane = session.lane('titles')
    session.repin()
    expect(session.lane('titles').key).toBe(lane.key)
    expect(new Session('conversation-42').lane('titles').key).toBe(lane.key)
    expect(lane.id).toBe('conversation-42')
    expect(lane.parent).toBe(session)
    expect(session.lane('memory').key).not.toBe(lane.key)
    expect(lane.lane('titles').key).not.toBe(lane.key)
  })

  it('gives a named child the same key each time, an unnamed child a new one, and both their parent', () => {
    const session = new Session('conversation-42')
    expect(session.child('search').key).toBe(session.child('search').key)
    expect(session.child('search').key).not.toBe(session.lane('search').key)
    expect(session.child().key).not.toBe(session.child().key)
    expect(session.child().parent).toBe(session)
    expect(session.child('search').id).toBe('conversation-42/search')
  })

  it('forks into a separate session, which has the same key where the cache is shared', () => {
    const session = new Session('conversation-42')
    session.repin()
    expect(session.fork().key).not.toBe(session.key)
    const shared = session.fork({ shareCache: true })
    expect(shared.key).toBe(session.key)
    expect(shared.id).not.toBe(session.id)
    shared.repin()
    expect(session.key).not.toBe(shared.key)
  })

  it('has a different key in each epoch, which depends only on the id and the epoch', () => {
    const session = new Session('conversation-42')
    const keys = [session.key]
    for (let i = 0; i < 10; i++) {
      session.repin()
      keys.push(session.key)
    }
    expect(new Set(keys).size).toBe(11)
    const again = new Session('conversation-42')
    again.repin()
    expect(again.key).toBe(keys[1])
  })

  it('keeps its key, lanes, parent and later epochs when it is stored and restored', () => {
    const session = new Session('tenant id', { namespace: 'acme', secret: 's3cret' }).child('search')
    session.repin()
    const text = JSON.stringify(session)
    expect(text).not.toContain('s3cret')
    const restored = Session.from(JSON.parse(text) as SessionState)
    expect(restored.id).toBe(session.id)
    expect(restored.key).toBe(session.key)
    expect(restored.lane('titles').key).toBe(session.lane('titles').key)
    expect(restored.parent?.key).toBe(session.parent?.key)
    session.repin()
    restored.repin()
    expect(restored.key).toBe(session.key)
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['text', '{}'],
    ['another version', { version: 2, id: 'a', key: 'conversation-42', epoch: 0 }],
    ['a key that is not safe on the wire', { version: 1, id: 'a', key: 'a\r\nb: c', epoch: 0 }],
    ['a key that is too long', { version: 1, id: 'a', key: 'x'.repeat(65), epoch: 0 }],
    ['a negative epoch', { version: 1, id: 'a', key: 'conversation-42', epoch: -1 }],
    ['a parent that is not a state', { version: 1, id: 'a', key: 'conversation-42', epoch: 0, parent: 'a' }],
  ])('is not restored from %s', (_what, state) => {
    expect(() => Session.from(state as SessionState)).toThrow(
      /^Expected `state` to be what `toJSON\(\)` of a session returned, got /,
    )
  })

  it('restores 64 ancestors from a forged state whose chain is endless', () => {
    const state: { version: 1; id: string; key: string; epoch: number; parent?: SessionState } = {
      version: 1,
      id: 'a',
      key: 'conversation-42',
      epoch: 0,
    }
    state.parent = state
    let ancestors = 0
    for (let at = Session.from(state).parent; at !== undefined; at = at.parent) ancestors++
    expect(ancestors).toBe(64)
  })

  it('keeps 64 ancestors, and lets the others be collected', async () => {
    setFlagsFromString('--expose-gc')
    const collect: () => void = runInNewContext('gc')
    const collected = new Set<number>()
    const registry = new FinalizationRegistry<number>((generation) => collected.add(generation))
    let session = new Session('conversation-42')
    for (let i = 0; i < 1000; i++) {
      registry.register(session, i)
      session = i % 2 === 0 ? session.fork() : session.child('next')
    }
    const ancestors: Session[] = []
    for (let at = session.parent; at !== undefined; at = at.parent) ancestors.push(at)
    expect(ancestors).toHaveLength(64)
    await vi.waitFor(() => {
      collect()
      expect(collected.size).toBeGreaterThan(900)
    }, 10_000)
    expect(collected.size).toBeLessThanOrEqual(1000 - 64)
    expect(new Set(ancestors).size).toBe(64)
  })

  it('has its parent after any number of generations', () => {
    let session = new Session('conversation-42')
    for (let i = 0; i < 200; i++) {
      const fork = session.fork()
      const lane = session.lane('titles')
      expect(fork.parent).toBe(session)
      expect(lane.parent).toBe(session)
      session = fork
    }
  })

  it('is stored and restored after 20,000 generations, with the keys of its ancestors', () => {
    let session = new Session('conversation-42')
    for (let i = 0; i < 20_000; i++) session = i % 3 === 0 ? session.child('worker') : session.fork()
    session = session.child('worker').child('worker')
    session.repin()
    const line = (from: Session): Session[] => (from.parent === undefined ? [from] : [from, ...line(from.parent)])
    const keys = (from: Session): string[][] => line(from).map(({ id, key }) => [id, key])
    const text = JSON.stringify(session)
    expect(text.length).toBeLessThan(100_000)
    const restored = Session.from(JSON.parse(text) as SessionState)
    expect(keys(restored)).toEqual(keys(session))
    expect(keys(restored)).toHaveLength(65)
    expect(restored.lane('titles').key).toBe(session.lane('titles').key)
  })

  it('has an id of bounded length as a named child of many generations, different in each', () => {
    let session = new Session('conversation-42')
    const ids = new Set<string>()
    const keys = new Set<string>()
    for (let i = 0; i < 1000; i++) {
      session = session.child('worker')
      ids.add(session.id)
      keys.add(session.key)
      expect(session.id.length).toBeLessThan(1100)
    }
    expect([ids.size, keys.size]).toEqual([1000, 1000])
    expect(new Session('a'.repeat(1016)).child('worker').id).toBe(`${'a'.repeat(1016)}/worker`)
    const long = new Session('conversation-42').child('x'.repeat(2000))
    expect(long.id).toBe(`conversation-42/${long.key}`)
  })

  it('survives a store after each of a hundred forks', () => {
    let session = new Session('conversation-42')
    for (let i = 0; i < 100; i++) {
      session = Session.from(JSON.parse(JSON.stringify(session.fork({ shareCache: true }))) as SessionState)
    }
    expect(session.key).toBe('conversation-42')
    const columns = { ...new Session('conversation-42').toJSON(), parent: null }
    expect(Session.from(columns).parent).toBeUndefined()
  })

  it('with an empty id is no session, and warns once', async () => {
    const warned = vi.fn()
    process.on('warning', warned)
    const session = new Session('')
    runWithSession('outer-session', () => {
      runWithSession('', () => expect(currentSession()).toBeUndefined())
      runWithSession(session, () => expect(currentSession()).toBeUndefined())
    })
    expect([session.key, session.lane('titles').key, session.child('a').key]).toEqual(['', '', ''])
    session.repin()
    expect(session.key).toBe('')
    await new Promise(setImmediate)
    process.off('warning', warned)
    expect(warned.mock.calls.map(([{ message }]) => message)).toEqual([
      'llm-affinity: a session has an empty id. Its calls are not pinned',
    ])
  })
})

describe('a scope', () => {
  it('continues across awaits, timers and microtasks', async () => {
    const session = new Session()
    await session.run(async () => {
      await null
      expect(currentSession()).toBe(session)
      await new Promise((resolve) => setTimeout(resolve, 1))
      expect(currentSession()).toBe(session)
      await new Promise<void>((resolve) => queueMicrotask(resolve))
      expect(currentSession()).toBe(session)
    })
    expect(currentSession()).toBeUndefined()
  })

  it('ends with its function, also if that throws', () => {
    const fault = new Error('theirs')
    expect(() =>
      runWithSession('conversation-42', () => {
        throw fault
      }),
    ).toThrow(fault)
    expect(currentSession()).toBeUndefined()
  })

  it('is suspended by runWithoutSession and resumed after it', () => {
    const session = new Session()
    session.run(() => {
      expect(runWithoutSession(() => currentSession())).toBeUndefined()
      expect(currentSession()).toBe(session)
      runWithoutSession(() => runWithSession('inner-session', () => expect(currentSession()?.id).toBe('inner-session')))
    })
  })

  it('is left by a runWithoutSession inside another one, which belongs to the same session', () => {
    const session = new Session()
    const lanes = session.run(() => [
      runWithoutSession(() => activeScope(undefined)),
      runWithoutSession(() => runWithoutSession(() => activeScope(undefined))),
    ])
    for (const scope of lanes) {
      expect(isDetachedScope(scope) && scope.session).toBe(session)
      expect(isDetachedScope(scope) && scope.lane.key).toBe(session.lane('side-call').key)
    }
  })

  it('returns the result of the function', async () => {
    expect(runWithSession('conversation-42', () => 7)).toBe(7)
    expect(await runWithoutSession(async () => 8)).toBe(8)
  })

  describe('of a function that returns a request which is only sent when it is awaited', () => {
    // As superagent, knex and others have it: a thenable that is no promise.
    class Lazy {
      readonly #value = 'sent by '
      // biome-ignore lint/suspicious/noThenProperty: this is what the tests are about
      then(resolve: (sender: string) => void): void {
        resolve(this.#value + (currentSession()?.id ?? 'nobody'))
      }
      set(): this {
        return this
      }
    }
    const make = () => new Lazy()

    it('is the scope in which the request is sent, wherever it is awaited', async () => {
      const made = runWithSession('maker-session', make)
      const free = runWithSession('maker-session', () => runWithoutSession(make))
      await runWithSession('reader-session', async () => {
        expect(await made).toBe('sent by maker-session')
        expect(await made.set()).toBe('sent by maker-session')
        expect(await free).toBe('sent by nobody')
      })
      expect(await runWithSession('conversation-42', make)).toBe('sent by conversation-42')
    })

    it('is the last one, where several return the same request, and the innermost one, where they are nested', async () => {
      const shared = make()
      runWithSession('first-session', () => shared)
      expect(await runWithSession('second-session', () => shared)).toBe('sent by second-session')
      const nested = () => runWithSession('third-session', () => runWithSession('inner-session', () => shared))
      expect(await nested()).toBe('sent by inner-session')
      expect(await nested()).toBe('sent by inner-session')
      runWithSession('third-session', () => shared)
      expect(await runWithoutSession(() => shared)).toBe('sent by nobody')
    })

    it('is that of a derived request itself, and leaves the one that it was made of alone', async () => {
      class Plain {
        // biome-ignore lint/suspicious/noThenProperty: this is what the tests are about
        then(resolve: (sender: string | undefined) => void): void {
          resolve(currentSession()?.id)
        }
      }
      const base = runWithSession('first-session', () => new Plain())
      const derived = runWithSession('second-session', () => Object.create(base))
      expect(await derived).toBe('second-session')
      expect(await base).toBe('first-session')
    })

    it('is also that of a request that can be called', async () => {
      const who = (resolve: (sender: string | undefined) => void): void => resolve(currentSession()?.id)
      const request = Object.defineProperty(() => 'called', 'then', { value: who, configurable: true })
      const side = runWithSession('conversation-42', () => runWithoutSession(() => request))
      expect(side()).toBe('called')
      expect(await runWithSession('reader-session', async () => await side)).toBeUndefined()
    })

    it('is the next one, once the request was awaited, and none for a side call', async () => {
      const shared = make()
      expect(await runWithSession('first-session', () => shared)).toBe('sent by first-session')
      expect(await runWithSession('second-session', () => shared)).toBe('sent by second-session')
      const side = runWithSession('third-session', () => runWithoutSession(() => shared))
      expect(await side).toBe('sent by nobody')
    })

    it('also applies where the object has a `then` of its own, and to what is derived from it', async () => {
      class Named {
        readonly name: string = 'base'
        // biome-ignore lint/suspicious/noThenProperty: this is what the tests are about
        readonly then = function (this: Named, resolve: (told: string) => void): void {
          resolve(`${this.name} in ${currentSession()?.id}`)
        }
      }
      const base = runWithSession('conversation-42', () => new Named())
      expect(await base).toBe('base in conversation-42')
      expect(await Object.assign(Object.create(base), { name: 'derived' })).toBe('derived in conversation-42')
    })

    it('returns an object that throws for what it does not know', () => {
      const strict = new Proxy(
        {},
        {
          get: (_, name) => {
            throw new Error(String(name))
          },
        },
      )
      expect(runWithSession('conversation-42', () => strict)).toBe(strict)
    })

    it('changes neither promises, nor the class of the request, nor what cannot be changed', async () => {
      const promise = Promise.resolve(7)
      expect(runWithSession('conversation-42', () => promise)).toBe(promise)
      expect(Object.hasOwn(promise, 'then')).toBe(false)
      expect(Object.hasOwn(Lazy.prototype, 'then')).toBe(true)
      const frozen = Object.freeze(make())
      expect(await runWithSession('conversation-42', () => frozen)).toBe('sent by nobody')
      expect(runWithSession('conversation-42', () => Object.create(null))).toEqual({})
    })
  })

  it('does not affect other stores', () => {
    const other = new AsyncLocalStorage<string>()
    other.run('theirs', () => runWithSession('conversation-42', () => expect(other.getStore()).toBe('theirs')))
  })
})

describe('iterate', () => {
  async function* who(): AsyncGenerator<string | undefined, string | undefined, string> {
    try {
      for (let i = 0; i < 3; i++) yield currentSession()?.id
      return currentSession()?.id
    } finally {
      cleanedUpIn = currentSession()?.id
    }
  }
  let cleanedUpIn: string | undefined

  it('runs a generator in its session, whoever reads it', async () => {
    const source = new Session('writer-session').iterate(who())
    const seen: unknown[] = []
    await runWithSession('reader-session', async () => {
      for await (const id of source) seen.push(id)
    })
    expect(seen).toEqual(['writer-session', 'writer-session', 'writer-session'])
  })

  it('ends the source in its session too', async () => {
    cleanedUpIn = undefined
    for await (const _ of new Session('writer-session').iterate(who())) break
    expect(cleanedUpIn).toBe('writer-session')
  })

  it('has no return or throw if the source has none', () => {
    const bare: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
    }
    const iterator = new Session().iterate(bare)[Symbol.asyncIterator]()
    expect(iterator.return).toBeUndefined()
    expect(iterator.throw).toBeUndefined()
  })
})

describe('an invalid argument', () => {
  const { run, lane, child, iterate } = Session.prototype
  const session = new Session()
  it.each<[string, () => unknown, RegExp]>([
    [
      'a number as the session',
      () => runWithSession(42 as never, () => {}),
      /`session` to be a Session or an id of one, got a number/,
    ],
    [
      'no session',
      () => runWithSession(undefined as never, () => {}),
      /`session` to be a Session or an id of one, got undefined/,
    ],
    [
      'no function',
      () => runWithSession('conversation-42', undefined as never),
      /`fn` to be a function, got undefined/,
    ],
    ['no function, on a session', () => run.call(session, 'x' as never), /`fn` to be a function, got a string/],
    ['no function, without a session', () => runWithoutSession(null as never), /`fn` to be a function, got null/],
    ['an id that is not a string', () => new Session(7 as never), /`id` to be a string, got a number/],
    [
      'null as the options',
      () => new Session('a', null as never),
      /session options to be an object such as .*, got null/,
    ],
    [
      'a namespace that is not a string',
      () => new Session('a', { namespace: 1 as never }),
      /`namespace` to be a string/,
    ],
    ['an empty secret', () => new Session('a', { secret: '' }), /`secret` to be a string that is not empty/],
    ['a lane without a name', () => lane.call(session, undefined as never), /`name` to be a string, got undefined/],
    ['a child whose name is a number', () => child.call(session, 7 as never), /`name` to be a string, got a number/],
    [
      'a source that is not async iterable',
      () => iterate.call(session, [1] as never),
      /`source` to be an async iterable, got an array/,
    ],
  ])('throws a TypeError that names what was expected: %s', (_what, mistake, message) => {
    expect(mistake).toThrow(TypeError)
    expect(mistake).toThrow(message)
    expect(mistake).toThrow(/^Expected .*, got /)
  })
})
