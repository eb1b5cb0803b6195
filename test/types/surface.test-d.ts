import Anthropic from '@anthropic-ai/sdk'
import {
  type AffinityOptions,
  affinityFetch,
  affinityHeaders,
  currentSession,
  type Evidence,
  type Fetch,
  type Gateway,
  type GatewayName,
  type Outcome,
  patchGlobalFetch,
  type Result,
  runWithoutSession,
  runWithSession,
  Session,
  type SessionState,
  withAffinity,
} from 'llm-affinity'
import { gatewayAt, gateways } from 'llm-affinity/gateways'
import { otelOutcomes } from 'llm-affinity/otel'
import { type AffinityInterceptor, affinityInterceptor } from 'llm-affinity/undici'
import { readUsage, type SessionFigures, SessionReport, type Usage } from 'llm-affinity/usage'
import OpenAI, { AzureOpenAI } from 'openai'
import type { Dispatcher } from 'undici'
import { Agent, Client, interceptors, Pool, RetryAgent } from 'undici'
import { Agent as Agent7, type Dispatcher as Dispatcher7 } from 'undici7'
import { expectTypeOf, test } from 'vitest'

const session = new Session()
const row: Gateway = { name: 'ours', headers: ['x-ours'] }

test('an outcome says what became of a call', () => {
  expectTypeOf<Outcome['session']>().toEqualTypeOf<Session>()
  expectTypeOf<Outcome['result']>().toEqualTypeOf<Result>()
  expectTypeOf<Outcome['backend']>().toEqualTypeOf<string | undefined>()
  expectTypeOf<Outcome['attempt']>().toEqualTypeOf<number | undefined>()
  expectTypeOf(session.lastOutcome).toEqualTypeOf<Outcome | undefined>()
  affinityFetch({ onOutcome: ({ result, backend }) => console.log(result, backend) })
  // @ts-expect-error a function
  affinityFetch({ onOutcome: true })
  // @ts-expect-error nobody sets what was learnt
  session.lastOutcome = undefined
})

test('a row is data, and may be constant', () => {
  const ours = {
    name: 'ours',
    headers: ['x-ours'],
    evidence: { outcome: 'x-pin', outcomeValues: { kept: 'hit' } },
  } as const
  expectTypeOf(ours).toExtend<Gateway>()
  expectTypeOf<'olla'>().toExtend<GatewayName>()
  expectTypeOf<Gateway['evidence']>().toEqualTypeOf<Evidence | undefined>()
  // @ts-expect-error no such result
  withAffinity({}, { gateway: { name: 'ours', headers: ['x'], evidence: { outcomeValues: { kept: 'won' } } } })
  // @ts-expect-error a field is nothing without its paths
  withAffinity({}, { gateway: { name: 'ours', headers: [], body: { field: 'session_id' } } })
})

test('a scope gives back what its function returns', () => {
  expectTypeOf(runWithSession('id', () => 7)).toEqualTypeOf<number>()
  expectTypeOf(runWithSession(session, async () => 'a')).toEqualTypeOf<Promise<string>>()
  expectTypeOf(runWithoutSession(() => true)).toEqualTypeOf<boolean>()
  expectTypeOf(session.run(async () => 1n)).toEqualTypeOf<Promise<bigint>>()
  expectTypeOf(currentSession()).toEqualTypeOf<Session | undefined>()
  // @ts-expect-error a session or an id
  runWithSession(42, () => {})
  // @ts-expect-error a function
  runWithSession('id')
  // @ts-expect-error a function
  runWithoutSession('id')
})

test('a session owns what it is', () => {
  expectTypeOf(session.id).toEqualTypeOf<string>()
  expectTypeOf(session.key).toEqualTypeOf<string>()
  expectTypeOf(session.parent).toEqualTypeOf<Session | undefined>()
  expectTypeOf(session.lane('titles')).toEqualTypeOf<Session>()
  expectTypeOf(session.child()).toEqualTypeOf<Session>()
  expectTypeOf(session.fork({ shareCache: true })).toEqualTypeOf<Session>()
  expectTypeOf(session.toJSON()).toEqualTypeOf<SessionState>()
  expectTypeOf(Session.from(session.toJSON())).toEqualTypeOf<Session>()
  async function* turns(): AsyncGenerator<number> {
    yield 1
  }
  expectTypeOf(session.iterate(turns())).toEqualTypeOf<AsyncIterable<number>>()
  new Session('id', { namespace: 'tenant', secret: 's' })
  // @ts-expect-error nobody sets a key
  session.key = 'mine'
  // @ts-expect-error nobody moves an id
  session.id = 'mine'
  // @ts-expect-error a lane has a name
  session.lane()
  // @ts-expect-error no other options
  new Session('id', { tenant: 'a' })
  // @ts-expect-error how lanes and forks are made is not public
  new Session('id', { key: 'a', parent: undefined, epoch: 0 })
})

test('a client comes back as what it is', () => {
  class Ours extends OpenAI {
    readonly tenant = 'a'
  }
  expectTypeOf(withAffinity(new OpenAI())).toEqualTypeOf<OpenAI>()
  expectTypeOf(withAffinity(new AzureOpenAI())).toEqualTypeOf<AzureOpenAI>()
  expectTypeOf(withAffinity(new Anthropic())).toEqualTypeOf<Anthropic>()
  expectTypeOf(withAffinity(new Ours())).toEqualTypeOf<Ours>()
  expectTypeOf(withAffinity(new OpenAI(), { session, gateway: 'olla', origins: 'http://a' })).toEqualTypeOf<OpenAI>()
  // @ts-expect-error a client, not an address
  withAffinity('http://gateway:4000')
  // @ts-expect-error one of the known gateways
  withAffinity(new OpenAI(), { gateway: 'lightllm' })
  // @ts-expect-error a Session, not an id
  withAffinity(new OpenAI(), { session: 'id' })
  // @ts-expect-error a row has headers
  withAffinity(new OpenAI(), { gateway: { name: 'ours' } })
  // @ts-expect-error what sends is a matter of affinityFetch
  withAffinity(new OpenAI(), { fetch })
  withAffinity(new OpenAI(), { gateway: row })
})

test('a fetch is what every SDK takes, and what the platform has', () => {
  const send = affinityFetch({ origins: [new URL('http://a'), 'http://b/v1'] })
  expectTypeOf(send).toExtend<Fetch>()
  expectTypeOf(send).toExtend<typeof globalThis.fetch>()
  expectTypeOf<typeof globalThis.fetch>().toExtend<Fetch>()
  new OpenAI({ fetch: send })
  new Anthropic({ fetch: send })
  affinityFetch({ fetch: globalThis.fetch })
  // @ts-expect-error a fetch
  affinityFetch({ fetch: 'fetch' })
  expectTypeOf(affinityHeaders('http://a', { session })).toEqualTypeOf<Record<string, string>>()
  // @ts-expect-error where to
  affinityHeaders({ session })
})

test('a patch needs origins, and gives its undo', () => {
  expectTypeOf(patchGlobalFetch({ origins: 'http://a' })).toEqualTypeOf<() => void>()
  // @ts-expect-error origins are required
  patchGlobalFetch()
  // @ts-expect-error origins are required
  patchGlobalFetch({ gateway: 'olla' })
  expectTypeOf<AffinityOptions['origins']>().toEqualTypeOf<string | URL | readonly (string | URL)[] | undefined>()
})

test('an interceptor composes on every dispatcher of undici 7 and 8', () => {
  const ours = affinityInterceptor({ origins: 'http://a', session })
  expectTypeOf(ours).toEqualTypeOf<AffinityInterceptor>()
  expectTypeOf(ours).toExtend<Dispatcher.DispatcherComposeInterceptor>()
  expectTypeOf(ours).toExtend<Dispatcher7.DispatcherComposeInterceptor>()
  new Agent().compose(ours)
  new Agent().compose(interceptors.retry(), ours, interceptors.redirect())
  new Pool('http://a').compose([ours])
  new Client('http://a').compose(ours)
  new RetryAgent(new Agent().compose(ours))
  new Agent7().compose(ours)
  // @ts-expect-error origins are required
  affinityInterceptor()
  // @ts-expect-error origins are required
  affinityInterceptor({ session })
  // @ts-expect-error no options but these
  affinityInterceptor({ origins: 'http://a', fetch })
})

test('what is read of answers fits where outcomes are told', () => {
  const report = new SessionReport({ cacheTtlMs: 60_000 })
  affinityFetch({ onOutcome: report.onOutcome })
  affinityInterceptor({ origins: 'http://a', onOutcome: otelOutcomes({ ids: true, usage: true }) })
  expectTypeOf(report.get(session)).toEqualTypeOf<SessionFigures | undefined>()
  expectTypeOf(readUsage(new Response())).toEqualTypeOf<Promise<Usage | undefined>>()
  expectTypeOf<Usage['cachedTokens']>().toEqualTypeOf<number | undefined>()
  expectTypeOf(gateways).toExtend<ReadonlyMap<string, Gateway>>()
  expectTypeOf(gateways.get('dynamo')).toEqualTypeOf<Gateway>()
  expectTypeOf(gateways.get(String('dynamo'))).toEqualTypeOf<Gateway | undefined>()
  expectTypeOf(gatewayAt('api.openai.com')).toEqualTypeOf<Gateway | undefined>()
  expectTypeOf<Evidence['backend']>().toEqualTypeOf<string | readonly string[] | undefined>()
  // @ts-expect-error no such option
  otelOutcomes({ keys: true })
})
