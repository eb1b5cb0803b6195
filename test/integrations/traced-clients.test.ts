// Tracers wrap a client or replace its methods. A copy of such a client would lose that.

import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { observeOpenAI } from 'langfuse'
import { Client } from 'langsmith'
import { wrapOpenAI, wrapSDK } from 'langsmith/wrappers'
import { affinityFetch, runWithSession, Session, withAffinity } from 'llm-affinity'
import OpenAI, { AzureOpenAI } from 'openai'
import OpenAI6 from 'openai6'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { listen } from '../../packages/testkit/src/servers/listen.ts'
import { recorder } from '../support/recorder.ts'
import { keysAt } from '../support/wire.ts'

const home = await recorder()
const KEY = 'conversation-42'
const turn = { model: 'test-model', messages: [{ role: 'user' as const, content: 'Hello, tracer' }] }
const bare = (): OpenAI => new OpenAI({ baseURL: `${home.origin}/v1`, apiKey: 'none', maxRetries: 0 })
const call = (client: OpenAI): Promise<unknown> => runWithSession(KEY, () => client.chat.completions.create(turn))

/** What tracers sent home. */
const traces: string[] = []
const sink = await listen(
  createServer(async (request, response) => {
    traces.push(await text(request))
    response.writeHead(207, { 'content-type': 'application/json' }).end('{"successes":[],"errors":[]}')
  }),
  0,
)
afterAll(sink.close)
beforeEach(() => {
  traces.length = 0
})

vi.stubEnv('LANGSMITH_TRACING', 'true')
const langsmith = new Client({ apiUrl: sink.origin, apiKey: 'none', autoBatchTracing: false })
const langfuse = { publicKey: 'p', secretKey: 's', baseUrl: sink.origin, flushAt: 1 }

/** By package: a client as its tracer wraps it. */
const tracers: [string, (client: OpenAI) => OpenAI][] = [
  ['langsmith, wrapOpenAI', (client) => wrapOpenAI(client, { client: langsmith })],
  ['langsmith, wrapSDK', (client) => wrapSDK(client, { client: langsmith })],
  ['langfuse, observeOpenAI', (client) => observeOpenAI(client, { clientInitParams: langfuse })],
]

describe.each(tracers)('a client traced by %s', (_name, trace) => {
  it('is stamped and traced where it was wrapped with withAffinity first', async () => {
    await call(trace(withAffinity(bare())))
    expect(keysAt(home)).toEqual([KEY])
    await expect.poll(() => traces.join()).toContain('Hello, tracer')
  })

  it('is stamped and traced where affinityFetch is the fetch of its client', async () => {
    await call(trace(new OpenAI({ baseURL: `${home.origin}/v1`, apiKey: 'none', fetch: affinityFetch() })))
    expect(keysAt(home)).toEqual([KEY])
    await expect.poll(() => traces.join()).toContain('Hello, tracer')
  })

  it('is rejected by withAffinity with a hint, and nothing is traced', async () => {
    for (const client of [bare(), withAffinity(bare()), new OpenAI6({ apiKey: 'none' }) as unknown as OpenAI]) {
      const traced = trace(client)
      expect(() => withAffinity(traced, { session: new Session() })).toThrow(
        /^Expected `client` to be .*or call withAffinity before a tracer wraps it\. See docs\/frameworks\.md$/,
      )
    }
    await call(trace(withAffinity(bare())))
    await expect.poll(() => traces.join()).toContain('Hello, tracer')
    expect(traces.join()).not.toContain('withOptions')
  })
})

describe('a client whose methods were replaced', () => {
  it.each<[string, (client: OpenAI) => void]>([
    [
      'chat.completions.create',
      (client) => {
        const create = client.chat.completions.create.bind(client.chat.completions)
        client.chat.completions.create = ((...args: Parameters<typeof create>) => create(...args)) as typeof create
      },
    ],
    [
      'responses.create',
      (client) => {
        client.responses = new Proxy(client.responses, {
          get: (target, name) => {
            const value: unknown = Reflect.get(target, name)
            return typeof value === 'function' ? value.bind(target) : value
          },
        })
      },
    ],
    [
      'request',
      (client) => {
        client.request = client.request.bind(client)
      },
    ],
    [
      'withOptions',
      (client) => {
        client.withOptions = client.withOptions.bind(client)
      },
    ],
  ])('is refused with the path of the one that a copy would lose: %s', (path, replace) => {
    const client = bare()
    replace(client)
    expect(() => withAffinity(client)).toThrow(
      `Expected \`client\` to be one that its own \`withOptions\` or constructor copies whole, got an instance of OpenAI that would lose its ${path}. Give`,
    )
  })

  it('is rejected if its resources get something in the constructor that a copy does not get', () => {
    class Traced extends OpenAI {
      constructor({ tracer, ...options }: { tracer?: object } & ConstructorParameters<typeof OpenAI>[0] & object) {
        super(options)
        Object.assign(this.chat.completions, { tracer })
      }
    }
    expect(() => withAffinity(new Traced({ apiKey: 'none', tracer: {} }))).toThrow(
      'an instance of Traced that would lose its chat.completions.tracer',
    )
    expect(withAffinity(new Traced({ apiKey: 'none' }))).toBeInstanceOf(Traced)
  })
})

describe('a client whose class was patched', () => {
  it('is stamped and traced in either order, as instrumentations of OpenTelemetry patch it', async () => {
    const before = withAffinity(bare())
    const create = vi.spyOn(OpenAI.Chat.Completions.prototype, 'create')
    try {
      await call(before)
      await call(withAffinity(bare()))
      expect(create).toHaveBeenCalledTimes(2)
    } finally {
      create.mockRestore()
    }
    expect(keysAt(home)).toEqual([KEY, KEY])
  })
})

describe('a client that is not wrapped', () => {
  it('is not taken for a wrapped one because of its own properties', async () => {
    class Ours extends OpenAI {
      readonly tag = { ours: true }
      readonly hook = (): string => 'ours'
      override request = super.request.bind(this) as OpenAI['request']
      override get<Answer>(...args: Parameters<OpenAI['get']>): ReturnType<typeof OpenAI.prototype.get<Answer>> {
        return super.get<Answer>(...args)
      }
    }
    const ours = Object.assign(new Ours({ baseURL: `${home.origin}/v1`, apiKey: 'none' }), { added: () => 1 })
    const again = withAffinity(withAffinity(ours), { session: new Session(KEY) })
    await again.models.list()
    expect(keysAt(home)).toEqual([KEY])
    const azure = new AzureOpenAI({ endpoint: home.origin, apiKey: 'none', apiVersion: '1', deployment: 'd' })
    expect(withAffinity(azure)).toBeInstanceOf(AzureOpenAI)
  })
})
