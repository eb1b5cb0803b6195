import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { context, metrics, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import {
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_INPUT_TOKENS,
  ATTR_SERVER_ADDRESS,
} from '@opentelemetry/semantic-conventions/incubating'
import { type AffinityOptions, affinityFetch, type Outcome, runWithSession, Session, withAffinity } from 'llm-affinity'
import { type OtelOptions, otelOutcomes } from 'llm-affinity/otel'
import { affinityInterceptor } from 'llm-affinity/undici'
import { type Replica, startReplica } from 'llm-affinity-testkit'
import OpenAI from 'openai'
import { Agent, request } from 'undici'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

const gateway = { name: 'ours', headers: ['x-ours'], evidence: { backend: 'x-replica' } }
const spans = new InMemorySpanExporter()
const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
const provider = new MeterProvider({ readers: [reader] })
const words = 'all work and no play makes for a dull cache '.repeat(20)

let replica: Replica
beforeAll(async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }))
  metrics.setGlobalMeterProvider(provider)
  replica = await startReplica({ name: 'replica-a', blockTokens: 4, cacheTokens: 100_000 })
})
afterAll(async () => {
  await provider.shutdown()
  await replica.close()
})
beforeEach(() => spans.reset())

function client(options: OtelOptions, affinity: AffinityOptions = {}): OpenAI {
  const bare = new OpenAI({ baseURL: replica.baseURL, apiKey: 'none', maxRetries: 0 })
  return withAffinity(bare, { gateway, onOutcome: otelOutcomes(options), ...affinity })
}

const turn = { model: 'm', messages: [{ role: 'user' as const, content: words }] }

/** The attributes of a span around `fn`. */
async function spanAround(fn: () => Promise<unknown>): Promise<Readonly<Record<string, unknown>>> {
  await trace.getTracer('test').startActiveSpan('turn', async (span) => {
    await fn()
    span.end()
  })
  return spans.getFinishedSpans()[0]?.attributes ?? {}
}

/** What a meter has measured so far, point by point. */
async function points(name: string): Promise<{ attributes: object; value: unknown }[]> {
  exporter.reset()
  await reader.forceFlush()
  const all = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
  const metric = all.find(({ descriptor }) => descriptor.name === name)
  return (metric?.dataPoints ?? []).map(({ attributes, value }) => ({ attributes, value }))
}

describe('on the active span', () => {
  it('has the outcome of the call, and no id and no key unless asked', async () => {
    const openai = client({})
    const session = new Session('a-conversation-of-acme')
    await session.run(() => openai.chat.completions.create(turn))
    const attributes = await spanAround(() => session.run(() => openai.chat.completions.create(turn)))
    expect(attributes).toEqual({
      'llm_affinity.result': 'hit',
      'llm_affinity.gateway': 'ours',
      'llm_affinity.backend': 'replica-a',
    })
    expect(JSON.stringify(attributes)).not.toContain('acme')
  })

  it('has the id under the name of the conventions if asked, and never the key', async () => {
    const openai = client({ ids: true })
    const session = new Session('conversation of Zoë')
    const attributes = await spanAround(() => session.run(() => openai.chat.completions.create(turn)))
    expect(attributes[ATTR_GEN_AI_CONVERSATION_ID]).toBe('conversation of Zoë')
    expect(JSON.stringify(attributes)).not.toContain(session.key)
  })

  it('has no id of unbounded length', async () => {
    const openai = client({ ids: true })
    const attributesOf = async (id: string): Promise<object> => {
      spans.reset()
      return spanAround(() => runWithSession(id, () => openai.chat.completions.create(turn)))
    }
    expect(await attributesOf('x'.repeat(1024))).toHaveProperty([ATTR_GEN_AI_CONVERSATION_ID])
    expect(await attributesOf('x'.repeat(1025))).not.toHaveProperty([ATTR_GEN_AI_CONVERSATION_ID])
  })

  it.each([false, true])(
    'has the tokens of an answer in the words of the conventions, streamed: %s',
    async (stream) => {
      const openai = client({ usage: true })
      const session = new Session()
      await session.run(() => openai.chat.completions.create(turn))
      const attributes = await spanAround(() =>
        session.run(async () => {
          if (!stream) return openai.chat.completions.create(turn)
          const events = await openai.chat.completions.create({
            ...turn,
            stream: true,
            stream_options: { include_usage: true },
          })
          for await (const _ of events);
        }),
      )
      const input = Number(attributes[ATTR_GEN_AI_USAGE_INPUT_TOKENS])
      const cached = Number(attributes[ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS])
      expect(cached).toBeGreaterThan(100)
      expect(input).toBeGreaterThanOrEqual(cached)
    },
  )

  it('is the caller’s own span, for calls that run at the same time on one connection', async () => {
    const dispatcher = new Agent({ connections: 1 }).compose(
      affinityInterceptor({ origins: replica.origin, gateway, onOutcome: otelOutcomes({ ids: true }) }),
    )
    const call = (id: string): Promise<unknown> =>
      trace.getTracer('test').startActiveSpan(id, (span) =>
        runWithSession(id, async () => {
          const { body } = await request(`${replica.baseURL}/chat/completions`, {
            dispatcher,
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(turn),
          })
          await body.dump()
          span.end()
        }),
      )
    const ids = Array.from({ length: 10 }, (_, at) => `conversation-${at}`)
    await Promise.all(ids.map(call))
    await dispatcher.close()
    const told = spans.getFinishedSpans().map(({ name, attributes }) => [name, attributes[ATTR_GEN_AI_CONVERSATION_ID]])
    expect(told.toSorted()).toEqual(ids.map((id) => [id, id]))
  })

  it('is not changed after it has ended, or if there is none', async () => {
    const openai = client({ usage: true })
    const session = new Session()
    let events: AsyncIterable<unknown> | undefined
    await spanAround(async () => {
      events = await session.run(() =>
        openai.chat.completions.create({ ...turn, stream: true, stream_options: { include_usage: true } }),
      )
    })
    for await (const _ of events ?? []);
    expect(spans.getFinishedSpans()[0]?.attributes).not.toHaveProperty(ATTR_GEN_AI_USAGE_INPUT_TOKENS)
    await session.run(() => openai.chat.completions.create(turn))
  })
})

describe('in the meters', () => {
  it('counts outcomes by result, gateway, backend and host', async () => {
    const openai = client({}, { gateway: { ...gateway, name: 'counted' } })
    const session = new Session()
    for (let i = 0; i < 3; i++) await session.run(() => openai.chat.completions.create(turn))
    const mine = (await points('llm_affinity.outcomes')).filter(({ attributes }) =>
      Object.values(attributes).includes('counted'),
    )
    const of = (result: string, value: number) => ({
      attributes: {
        'llm_affinity.gateway': 'counted',
        'llm_affinity.backend': 'replica-a',
        'llm_affinity.result': result,
        [ATTR_SERVER_ADDRESS]: '127.0.0.1',
      },
      value,
    })
    expect(mine).toEqual(expect.arrayContaining([of('unknown', 1), of('hit', 2)]))
    expect(mine).toHaveLength(2)
  })

  it('measures the share that was cached', async () => {
    const openai = client({ usage: true }, { gateway: { ...gateway, name: 'measured' } })
    const session = new Session()
    for (let i = 0; i < 2; i++) await session.run(() => openai.chat.completions.create(turn))
    const [mine] = (await points('llm_affinity.cached_share')).filter(({ attributes }) =>
      Object.values(attributes).includes('measured'),
    )
    expect(mine?.attributes).toEqual({ 'llm_affinity.gateway': 'measured', 'llm_affinity.backend': 'replica-a' })
    expect(mine?.value).toMatchObject({ count: 2 })
  })

  it.each([
    ['backends', 'llm_affinity.backend', (name: string) => ({ backend: name })],
    ['addresses', ATTR_SERVER_ADDRESS, (name: string) => ({ origin: `http://${name}` })],
    ['gateways', 'llm_affinity.gateway', (name: string) => ({ gateway: name })],
  ])('names a hundred %s and no more, whatever is made up', async (what, attribute, made) => {
    const listen = otelOutcomes({ usage: true })
    const session = new Session()
    const outcome = { session, gateway: `many ${what}`, origin: 'http://a', status: 200, result: 'moved' } as const
    for (let i = 0; i < 300; i++) {
      listen({ ...outcome, backend: `many ${what}`, ...made(`${what}-${i % 150}`) })
    }
    const mine = (await points('llm_affinity.outcomes')).filter(({ attributes }) =>
      Object.values(attributes).includes(`many ${what}`),
    )
    const counts = new Map(mine.map(({ attributes, value }) => [Reflect.get(attributes, attribute), value]))
    expect(counts.size).toBe(101)
    expect([counts.get(`${what}-0`), counts.get(`${what}-99`), counts.get('other')]).toEqual([2, 2, 100])
  })
})

it('rejects invalid options at the caller’s line', () => {
  expect(() => otelOutcomes({ id: true } as never)).toThrow(/^Expected options to be among `ids`, `usage`, got "id"/)
  expect(() => otelOutcomes({ ids: 'yes' } as never)).toThrow(/^Expected `ids` to be true or false, got a string/)
})

describe('the channel', () => {
  it('publishes every outcome while there is a subscriber, without an option', async () => {
    const heard: unknown[] = []
    const listen = (outcome: unknown): number => heard.push(outcome)
    const send = affinityFetch({ gateway })
    const call = (): Promise<Response> => runWithSession('conversation-42', () => send(`${replica.baseURL}/models`))
    await call()
    subscribe('llm-affinity:outcome', listen)
    await call()
    unsubscribe('llm-affinity:outcome', listen)
    await call()
    expect(heard).toHaveLength(1)
    const [outcome] = heard as Outcome[]
    expect(outcome).toMatchObject({ gateway: 'ours', origin: replica.origin, status: 200, result: 'unknown' })
    expect(outcome?.session.id).toBe('conversation-42')
  })
})
