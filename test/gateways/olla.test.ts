import { randomUUID } from 'node:crypto'
import { runWithSession, Session, withAffinity } from 'llm-affinity'
import { fail } from 'llm-affinity-testkit'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runSnippet, snippetsOf } from '../support/snippets.ts'
import { olla } from './programs/olla.ts'
import { describeProgram } from './support/describe.ts'
import { Outcomes } from './support/outcomes.ts'
import { MODELS, type RecordingFleet, startRecordingFleet } from './support/recording-fleet.ts'
import { speakersTo } from './support/speakers.ts'
import { type Conversation, conversation, conversations, replicasOf, talk } from './support/traffic.ts'

const replicaIn = (headers: Headers): string | null => headers.get('x-olla-endpoint')
// The endpoints of the page's config, in the order of the backends.
const NAMES: readonly (string | undefined)[] = ['a', 'b', 'c']

describeProgram(olla, () => {
  let shared: RecordingFleet
  beforeAll(async () => {
    shared = await startRecordingFleet(olla)
  })
  afterAll(() => shared?.[Symbol.asyncDispose]())

  // Olla places new sessions at random: with fewer, one backend is left out now and then.
  const wrapped = (at: RecordingFleet, count = 40): { readonly all: Conversation[]; readonly outcomes: Outcomes } => {
    const outcomes = new Outcomes()
    const { onOutcome } = outcomes
    return { all: conversations(at.speakers({ gateway: 'olla', onOutcome }), count, { replicaIn }), outcomes }
  }

  it('keeps every conversation on one backend, all of them on all three, and names it truly', async () => {
    const { all } = wrapped(shared)
    await talk(all, 6)
    for (const { id, answers } of all) {
      const places = shared.placesOf(id)
      expect(places).toHaveLength(1)
      expect(replicasOf(answers)).toEqual(places.map((place) => NAMES[place]))
    }
    expect(new Set(all.flatMap(({ id }) => shared.placesOf(id))).size).toBe(3)
  })

  it('has outcomes in its own words, with backend and source', async () => {
    const { all, outcomes } = wrapped(shared, 8)
    await talk(all, 4)
    for (const each of all) {
      expect(outcomes.resultsOf(each)).toEqual(['miss', 'hit', 'hit', 'hit'])
      for (const { backend, source } of outcomes.of(each)) {
        expect([backend, source]).toEqual([each.answers[0]?.replica, 'session_header'])
      }
    }
  })

  it('pins two models of one session apart', async () => {
    const outcomes = new Outcomes()
    const { onOutcome } = outcomes
    const client = withAffinity(openai(shared), { gateway: 'olla', onOutcome })
    const sessions = Array.from({ length: 20 }, () => new Session())
    for (const session of sessions) {
      for (const model of [...MODELS, ...MODELS])
        await session.run(() => client.chat.completions.create(ask({ model })))
      expect(outcomes.resultsOf(session)).toEqual(['miss', 'miss', 'hit', 'hit'])
      const [one, other, ...again] = outcomes.of(session).map(({ backend }) => backend)
      expect(again).toEqual([one, other])
    }
    const isApart = (session: Session): boolean =>
      new Set(outcomes.of(session).map(({ backend }) => backend)).size === 2
    expect(sessions.some(isApart)).toBe(true)
  })

  it('has the sessions of a killed backend repinned, each by the first call that is answered, and no others', async () => {
    await using own = await startRecordingFleet(olla)
    const { all, outcomes } = wrapped(own)
    await talk(all, 2)
    const lost = all[0]?.answers[0]?.replica
    await own.recorders[NAMES.indexOf(lost)]?.close()
    for (let turn = 0; turn < 3; turn++) {
      // Where the call has a kept connection die under it, it may come back as a 502, or as an empty stream.
      await Promise.all(all.map((each) => each.turn().catch(() => each.turn())))
    }
    for (const each of all) {
      const [before, after] = [each.answers.slice(0, 2), each.answers.slice(2)].map(replicasOf)
      const isLost = before?.[0] === lost
      const answered = outcomes.of(each).filter(({ backend }) => backend !== undefined)
      expect(answered.slice(2).map(({ result }) => result)).toEqual([isLost ? 'repin' : 'hit', 'hit', 'hit'])
      if (isLost) expect(after).not.toContain(lost)
      else expect(after).toEqual(before)
    }
  })

  it('has both calls of its page on one backend', async () => {
    await using own = await startRecordingFleet(olla)
    const snippet = (await snippetsOf('docs/gateways/olla.md')).find(({ language }) => language === 'ts')
    if (snippet === undefined) throw new Error('no snippet')
    expect(await runSnippet(snippet, own.gateway.origin)).toMatchObject({ code: 0, stderr: '' })
    const calls = own.recorders.map(({ requests }) => requests.filter(({ method }) => method === 'POST').length)
    expect(calls.toSorted()).toEqual([0, 0, 2])
  })

  it('counts what we count', async () => {
    await using own = await startRecordingFleet(olla)
    const { all, outcomes } = wrapped(own, 20)
    await talk(all, 4)
    for (const each of all) await each.sideCall()
    const stats: unknown = await (await fetch(`${own.gateway.origin}/internal/stats/sticky`)).json()
    const [hits, misses] = [outcomes.count('hit'), outcomes.count('miss')]
    expect([hits, misses]).toEqual([60, 20])
    expect(stats).toMatchObject({ enabled: true, hits, misses, active_sessions: 20 })
  })

  it('says that it is disabled where it takes no key from what we send', async () => {
    await using own = await startRecordingFleet(olla, { edit: (config) => config.replace('[session_header]', '[]') })
    const { all, outcomes } = wrapped(own, 4)
    await talk(all, 3)
    for (const each of all) expect(outcomes.resultsOf(each)).toEqual(['disabled', 'disabled', 'disabled'])
  })

  it.each([
    [
      'sticky sessions are off',
      { edit: (config: string) => config.replace('enabled: true', 'enabled: false') },
      '/proxy',
    ],
    ["the route is a provider's", {}, '/openai'],
  ])('pins nothing where %s, which only the backends tell', async (_, options, route) => {
    await using own = await startRecordingFleet(olla, options)
    const outcomes = new Outcomes()
    const { onOutcome } = outcomes
    const [speaker] = speakersTo(`${own.gateway.origin}/olla${route}`, ['openai'], { gateway: 'olla', onOutcome })
    if (speaker === undefined) throw new Error('no speaker')
    const one = conversation(speaker, { replicaIn })
    await talk([one], 20)
    expect(one.answers.some(({ headers }) => headers.has('x-olla-sticky-session'))).toBe(false)
    expect(outcomes.resultsOf(one)[0]).toBe('unknown')
    expect(outcomes.count('moved')).toBeGreaterThan(0)
    expect(own.placesOf(one.id).length).toBeGreaterThan(1)
  })

  it('reads no x-session-id', async () => {
    const id = randomUUID()
    const client = withAffinity(openai(shared), { gateway: 'generic' })
    const { response } = await runWithSession(id, () => client.chat.completions.create(ask()).withResponse())
    expect(response.headers.get('x-olla-sticky-session')).toBe('disabled')
  })

  it('sends side calls wherever there is room, while their conversation stays', async () => {
    const { all } = wrapped(shared, 4)
    for (const each of all) {
      const aside: string[] = []
      for (let count = 0; count < 20; count++) {
        await each.turn()
        aside.push((await each.sideCall()).replica)
      }
      expect(shared.placesOf(each.id)).toHaveLength(1)
      expect(new Set(aside).size).toBeGreaterThan(1)
    }
  })

  it('pins them too with the key sources that it has by default: by how they begin, else by the API key', async () => {
    await using own = await startRecordingFleet(olla, { edit: (config) => config.replace(/key_sources: .*/, '') })
    const tools = [{ type: 'function' as const, function: { name: 'search', description: 'long '.repeat(200) } }]
    const client = openai(own)
    const from = async (call: (at: number) => OpenAI.ChatCompletionCreateParamsNonStreaming): Promise<object> => {
      const backends = new Set<string | null>()
      const sources = new Set<string | null>()
      for (let at = 0; at < 10; at++) {
        const { response } = await client.chat.completions.create(call(at)).withResponse()
        backends.add(replicaIn(response.headers))
        sources.add(response.headers.get('x-olla-sticky-key-source'))
      }
      return { backends: backends.size, sources: [...sources] }
    }
    expect(await from(() => ask())).toEqual({ backends: 1, sources: ['prefix_hash'] })
    expect(await from((at) => ({ tools, ...ask({ content: `Question ${at}` }) }))).toEqual({
      backends: 1,
      sources: ['auth_header'],
    })
  })

  it('hands on errors and keeps the pin, until the session asks for another', async () => {
    const outcomes = new Outcomes()
    const { onOutcome } = outcomes
    const client = withAffinity(openai(shared), { gateway: 'olla', onOutcome })
    const session = new Session()
    const turn = (): Promise<unknown> => session.run(() => client.chat.completions.create(ask({ content: session.id })))
    await turn()
    const [place = 0] = shared.placesOf(session.id)
    for (const status of [429, 500, 503]) {
      shared.recorders[place]?.script(fail(status))
      await expect(turn()).rejects.toThrow(`Scripted ${status}`)
    }
    await turn()
    session.repin()
    await turn()
    expect(outcomes.resultsOf(session)).toEqual(['miss', 'hit', 'hit', 'hit', 'hit', 'miss'])
  })

  it('answers 403 to more than its rate limits, which are low unless they are set', async () => {
    const edit = (config: string): string => config.replace(/ {2}rate_limits:\n( {4}.*\n)+/, '')
    await using own = await startRecordingFleet(olla, { edit })
    const calls = Array.from({ length: 100 }, () => openai(own).chat.completions.create(ask()))
    const statuses = await Promise.all(calls.map((call) => call.then(() => 200).catch(({ status }) => status)))
    expect(new Set(statuses)).toEqual(new Set([200, 403]))
  })

  it('refuses a model that no backend lists', async () => {
    await expect(openai(shared).chat.completions.create(ask({ model: 'unheard-of' }))).rejects.toMatchObject({
      status: 502,
      message: expect.stringContaining('no healthy endpoints available'),
    })
  })
})

function openai({ gateway }: RecordingFleet): OpenAI {
  return new OpenAI({ baseURL: `${gateway.origin}${olla.basePath?.openai}/v1`, apiKey: 'none', maxRetries: 0 })
}

function ask({
  model = 'test-model',
  content = 'A title, please',
} = {}): OpenAI.ChatCompletionCreateParamsNonStreaming {
  return { model, messages: [{ role: 'user', content }] }
}
