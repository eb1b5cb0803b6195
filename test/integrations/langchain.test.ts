// LangChain's queues and callbacks. All its providers, chains and graphs, with LangChain 0.3 too, are in test/fresh-projects.

import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai'
import { runWithoutSession, runWithSession, Session } from 'llm-affinity'
import { withAffinity } from 'llm-affinity/langchain'
import OpenAI from 'openai'
import { describe, expect, it, vi } from 'vitest'
import { recorder } from '../support/recorder.ts'
import { keyOn, keysAt } from '../support/wire.ts'

const home = await recorder()
const foreign = await recorder()

const IDS = Array.from({ length: 50 }, (_, i) => `conversation-${i}`)
const fields = (): ConstructorParameters<typeof ChatOpenAI>[0] => ({
  model: 'm',
  apiKey: 'none',
  maxRetries: 1,
  configuration: { baseURL: `${home.origin}/v1` },
})

describe('withAffinity of a LangChain model', () => {
  it('sends the right key through the queue of 2 that embeddings have by default', async () => {
    const embeddings = withAffinity(
      new OpenAIEmbeddings({ apiKey: 'none', configuration: fields()?.configuration ?? {} }),
    )
    await Promise.all(
      IDS.map((id) =>
        runWithSession(id, async () => {
          await embeddings.embedQuery(id)
          await runWithoutSession(() => embeddings.embedQuery('side'))
        }),
      ),
    )
    expect(home.requests).toHaveLength(2 * IDS.length)
    for (const request of home.requests) {
      const [id] = /conversation-\d+/.exec(request.text()) ?? []
      expect(keyOn(request)).toBe(id)
    }
  })

  it('sends no key outside of a session, though others wait in the same queue', async () => {
    const model = withAffinity(new ChatOpenAI({ ...fields(), maxConcurrency: 1 }))
    await Promise.all([
      ...IDS.map((id) => runWithSession(id, () => model.invoke(id))),
      ...IDS.map(() => model.invoke('outside')),
    ])
    const outside = home.requests.filter((request) => request.text().includes('outside'))
    expect(outside).toHaveLength(IDS.length)
    expect(new Set(outside.map(keyOn))).toEqual(new Set([undefined]))
  })

  it('carries the session on every attempt, of the SDK’s client and of the queue', async () => {
    const model = withAffinity(new ChatOpenAI({ ...fields(), maxConcurrency: 1 }))
    home.script({ status: 500 })
    await runWithSession('conversation-42', () => model.invoke('hello'))
    expect(keysAt(home)).toEqual(['conversation-42', 'conversation-42'])
  })

  it('leaves the model as it was, and returns one of the same class with the same limit', async () => {
    const before = new ChatOpenAI({ ...fields(), maxConcurrency: 1, temperature: 0.5 })
    const model = withAffinity(before)
    expect(model).toBeInstanceOf(ChatOpenAI)
    expect(model.toJSON()).toEqual(before.toJSON())
    expect(model.temperature).toBe(0.5)
    await runWithSession('conversation-42', () => before.invoke('hello'))
    expect(keysAt(home)).toEqual([undefined])
    home.clear()
    home.script({ stall: 60_000 })
    const abort = new AbortController()
    const first = before.invoke('first', { signal: abort.signal }).catch(() => {})
    await vi.waitFor(() => expect(home.requests).toHaveLength(1))
    const second = model.invoke('second')
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate)
    expect(home.requests).toHaveLength(1)
    abort.abort()
    await Promise.all([first, second])
    expect(home.requests).toHaveLength(2)
  })

  it('has the options of the integration: a gateway, a bound session, outcomes', async () => {
    const results: string[] = []
    const model = withAffinity(new ChatOpenAI(fields()), {
      gateway: 'olla',
      session: new Session('conversation-42'),
      onOutcome: ({ result }) => results.push(result),
    })
    home.script({
      status: 200,
      headers: { 'x-olla-sticky-session': 'hit', 'content-type': 'application/json' },
      body: CHAT,
    })
    await model.invoke('hello')
    expect(home.requests[0]?.header('x-olla-session-id')).toBe('conversation-42')
    expect(results).toEqual(['hit'])
  })

  it('wraps a client that was created before, and does not take the key to another origin', async () => {
    const before = new ChatOpenAI(fields())
    await before.invoke('hello')
    home.clear()
    home.script({ status: 307, headers: { location: `${foreign.origin}/v1/chat/completions` } })
    await runWithSession('conversation-42', () => withAffinity(before).invoke('hello'))
    expect(keysAt(home)).toEqual(['conversation-42'])
    expect(keysAt(foreign)).toEqual([undefined])
  })

  it('wraps models that are derived from it, and can be wrapped again', async () => {
    const tool = {
      type: 'function' as const,
      function: { name: 'look', parameters: { type: 'object', properties: {} } },
    }
    const model = withAffinity(withAffinity(new ChatOpenAI({ ...fields(), maxConcurrency: 1 }))).bindTools([tool])
    await Promise.all(IDS.map((id) => runWithSession(id, () => model.invoke(id))))
    for (const request of home.requests) expect(request.text()).toContain(`"${keyOn(request)}"`)
    expect(home.requests).toHaveLength(IDS.length)
  })

  it('takes the session of a call without one from its thread, if it is told to', async () => {
    const model = withAffinity(new ChatOpenAI({ ...fields(), maxConcurrency: 1 }), { threads: { namespace: 'acme' } })
    const thread = (id: string) => ({ configurable: { thread_id: id } })
    await model.invoke('hello', thread('thread-1'))
    await runWithSession('conversation-42', () => model.invoke('hello', thread('thread-1')))
    await runWithoutSession(() => model.invoke('hello', thread('thread-1')))
    await model.invoke('hello')
    await withAffinity(new ChatOpenAI(fields())).invoke('hello', thread('thread-1'))
    const { key } = new Session('thread-1', { namespace: 'acme' })
    expect(keysAt(home)).toEqual([key, 'conversation-42', undefined, undefined, undefined])
  })

  it.each<[string, () => unknown, RegExp]>([
    ['no object', () => withAffinity(5 as never), /`model` to be a chat model or embeddings object .*, got a number/],
    [
      'a model of another kind',
      () => withAffinity({ invoke() {} }),
      /got an object. For other models, use instrument\(\)/,
    ],
    [
      'a class',
      () => withAffinity(ChatOpenAI),
      /got a function. Wrap an instance: withAffinity\(new ChatOpenAI\(…\)\)/,
    ],
    ['a promise', () => withAffinity(Promise.resolve(new ChatOpenAI(fields()))), /got .* Promise. Await it first/],
    [
      'an SDK client',
      () => withAffinity(new OpenAI({ apiKey: 'none' })),
      /For an SDK client, use the withAffinity of llm-affinity/,
    ],
    [
      'an unknown option',
      () => withAffinity(new ChatOpenAI(fields()), { thread: true } as never),
      /options to be among .*got "thread"/,
    ],
    [
      'no threads',
      () => withAffinity(new ChatOpenAI(fields()), { threads: 'yes' as never }),
      /`threads` to be true or session options, got a string/,
    ],
    [
      'threads with a secret that is not set',
      () => withAffinity(new ChatOpenAI(fields()), { threads: { secret: '' } }),
      /`secret` to be a string that is not empty/,
    ],
    [
      'a wrong gateway',
      () => withAffinity(new ChatOpenAI(fields()), { gateway: 'nope' as never }),
      /`gateway` to be one of/,
    ],
  ])('refuses %s with a TypeError', (_what, wrap, message) => {
    expect(wrap).toThrow(TypeError)
    expect(wrap).toThrow(message)
  })
})

const CHAT = JSON.stringify({
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'x' } }],
})
