import { randomUUID } from 'node:crypto'
import Anthropic from '@anthropic-ai/sdk'
import { runWithoutSession, runWithSession, withAffinity } from 'llm-affinity'
import { cut, fail, reset } from 'llm-affinity-testkit'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cliproxyapi } from './programs/cliproxyapi.ts'
import { describeProgram } from './support/describe.ts'
import { Outcomes } from './support/outcomes.ts'
import { type RecordingFleet, startRecordingFleet } from './support/recording-fleet.ts'
import { type Conversation, conversation, conversations, replicasOf, talk } from './support/traffic.ts'

// The credential, which is all that an answer says of where it is from.
const replicaIn = (headers: Headers): string | null =>
  /^\d{14}-([0-9a-f]{16})-[0-9a-f]{8}$/.exec(headers.get('x-cpa-trace-id') ?? '')?.[1] ?? null

describeProgram(cliproxyapi, () => {
  let shared: RecordingFleet
  beforeAll(async () => {
    shared = await startRecordingFleet(cliproxyapi)
  })
  afterAll(() => shared?.[Symbol.asyncDispose]())

  it('keeps every conversation on one credential, all of them on all three, and names it truly', async () => {
    const { all } = wrapped(shared)
    await talk(all, 6)
    const pairs = all.map(({ id, answers }) => `${shared.placesOf(id)} ${replicasOf(answers)}`)
    const names = [0, 1, 2].map((place) => expect.stringMatching(`^${place} [0-9a-f]{16}$`))
    expect([...new Set(pairs)].toSorted()).toEqual(names)
  })

  it('has outcomes: nothing is known of a first turn, and all others hit', async () => {
    const { all, outcomes } = wrapped(shared, 8)
    await talk(all, 4)
    for (const each of all) {
      expect(outcomes.resultsOf(each)).toEqual(['unknown', 'hit', 'hit', 'hit'])
      expect(outcomes.of(each).map(({ backend }) => backend)).toEqual(each.answers.map(({ replica }) => replica))
    }
  })

  it('pins a session on both APIs at once', async () => {
    const id = randomUUID()
    const all = shared.speakers({ gateway: 'cliproxyapi' }).map((speaker) => conversation(speaker, { id, replicaIn }))
    await talk(all, 3)
    expect(shared.placesOf(id)).toHaveLength(1)
  })

  it('pins two models of one session apart', async () => {
    const models = '{ name: test-model }, { name: other-model }'
    await using own = await startRecordingFleet(cliproxyapi, {
      edit: (config) => config.replaceAll('{ name: test-model }', models),
    })
    const placeOf = async (id: string, model: string): Promise<number | undefined> => {
      const text = randomUUID()
      await openai(own).chat.completions.create({ ...ask(text), model }, { headers: { 'x-session-id': id } })
      return own.placesOf(text)[0]
    }
    // The credentials take turns for each model by itself.
    for (const id of ['session-1', 'session-2', 'session-3']) await placeOf(id, 'test-model')
    for (const id of ['session-3', 'session-2', 'session-1']) await placeOf(id, 'other-model')
    const places = [await placeOf('session-1', 'test-model'), await placeOf('session-1', 'other-model')]
    expect(places).toEqual([0, 2])
  })

  it('lets the credentials take turns where its affinity is off, and outcomes say moved', async () => {
    const edit = (config: string): string => config.replace('session-affinity: true', 'session-affinity: false')
    await using own = await startRecordingFleet(cliproxyapi, { edit })
    const { all, outcomes } = wrapped(own, 4)
    for (const each of all) {
      await talk([each], 4)
      expect(outcomes.resultsOf(each)).toEqual(['unknown', 'moved', 'moved', 'moved'])
      expect(own.placesOf(each.id)).toEqual([0, 1, 2])
    }
  })

  describe.each(['OpenAI', 'Anthropic'] as const)('a key in a header, over %s', (api) => {
    // Of calls that each begin in their own way: what has no key is pinned by how it begins.
    const placesWith = async (headersOf: () => Record<string, string>): Promise<number> => {
      const places = new Set<number>()
      for (let call = 0; call < 4; call++) {
        const text = randomUUID()
        const headers = headersOf()
        if (api === 'OpenAI') await openai(shared).chat.completions.create(ask(text), { headers })
        else await anthropic(shared).messages.create({ ...ask(text), max_tokens: 64 }, { headers })
        for (const place of shared.placesOf(text)) places.add(place)
      }
      return places.size
    }
    const id = randomUUID()

    it.each(['X-Session-ID', 'X-Session-Affinity', 'Session-Id'])('pins as %s', async (name) => {
      expect(await placesWith(() => ({ [name]: id }))).toBe(1)
      expect(await placesWith(() => ({ [`${name}-Other`]: id }))).toBe(3)
    })

    it('counts in the first of them, in this order: Session-Id, X-Session-ID, X-Session-Affinity', async () => {
      expect(await placesWith(() => ({ 'Session-Id': id, 'X-Session-ID': id, 'X-Session-Affinity': id }))).toBe(1)
      expect(await placesWith(() => ({ 'Session-Id': id, 'X-Session-ID': randomUUID() }))).toBe(1)
      expect(await placesWith(() => ({ 'Session-Id': randomUUID(), 'X-Session-ID': id }))).toBe(3)
      expect(await placesWith(() => ({ 'X-Session-ID': id, 'X-Session-Affinity': randomUUID() }))).toBe(1)
      expect(await placesWith(() => ({ 'X-Session-ID': randomUUID(), 'X-Session-Affinity': id }))).toBe(3)
    })

    it('is ignored where it is longer than 256 bytes', async () => {
      const long = id.repeat(9)
      expect(await placesWith(() => ({ 'X-Session-ID': long.slice(0, 256) }))).toBe(1)
      expect(await placesWith(() => ({ 'X-Session-ID': long.slice(0, 257) }))).toBe(3)
    })
  })

  it('pins the session of a long id too, since ours is hashed', async () => {
    const client = withAffinity(openai(shared), { gateway: 'cliproxyapi' })
    const id = randomUUID().repeat(9)
    const text = randomUUID()
    for (let turn = 0; turn < 4; turn++) {
      await runWithSession(id, () => client.chat.completions.create(ask(`${turn} ${text}`)))
    }
    expect(shared.placesOf(text)).toHaveLength(1)
  })

  it('sends side calls wherever there is room, while their conversation stays', async () => {
    const client = withAffinity(openai(shared), { gateway: 'cliproxyapi' })
    const { all } = wrapped(shared, 4)
    for (const each of all) {
      const text = randomUUID()
      for (let turn = 0; turn < 6; turn++) {
        await each.turn()
        await runWithSession(each.id, () =>
          runWithoutSession(() => client.chat.completions.create(ask(`A title for part ${turn} of ${text}`))),
        )
      }
      expect(shared.placesOf(each.id)).toHaveLength(1)
      expect(shared.placesOf(text)).toHaveLength(3)
    }
  })

  it('pins what has no key by how it begins, so that only keys tell alike beginnings apart', async () => {
    const client = withAffinity(openai(shared), { gateway: 'cliproxyapi' })
    const [bare, keyed] = [randomUUID(), randomUUID()]
    for (let at = 0; at < 6; at++) {
      await client.chat.completions.create(ask(bare))
      await runWithSession(randomUUID(), () => client.chat.completions.create(ask(keyed)))
    }
    expect(shared.placesOf(bare)).toHaveLength(1)
    expect(shared.placesOf(keyed)).toHaveLength(3)
  })

  const streamed = { status: 200, headers: { 'content-type': 'text/event-stream' } }
  it.each([
    ['fails', 'OpenAI', fail(500), 'moved'],
    ['fails', 'OpenAI, streamed', fail(500), 'moved'],
    ['fails', 'Anthropic', fail(500), 'moved'],
    ['fails', 'Anthropic, streamed', fail(500), 'moved'],
    ['is reset', 'OpenAI, streamed', reset(), 'moved'],
    ['is reset', 'Anthropic, streamed', reset(), 'moved'],
    ['breaks off', 'OpenAI, streamed', cut(2), 'hit'],
    ['breaks off', 'Anthropic, streamed', cut(2), 'hit'],
    ['ends empty', 'OpenAI, streamed', { ...streamed, body: '' }, 'moved'],
    ['ends empty', 'Anthropic, streamed', { ...streamed, body: '' }, 'hit'],
  ] as const)('works and pins again after an answer that %s, over %s', async (_, name, fault, result) => {
    await using own = await startRecordingFleet(cliproxyapi)
    const { all, outcomes } = wrapped(own, 4)
    const one = all.find(({ speaker }) => speaker.name === name)
    if (one === undefined) throw new Error(`no speaker ${name}`)
    await one.turn()
    own.recorders[own.placesOf(one.id)[0] ?? 0]?.script(fault)
    // Another credential answers the same call; what had begun to come from the first is the caller's.
    const faulty = one.turn()
    if (result === 'moved') await faulty
    else await expect(faulty).rejects.toThrow(/unexpected EOF|answered nothing/)
    await talk([one], 3)
    expect(outcomes.resultsOf(one)).toEqual(['unknown', result, 'hit', 'hit', 'hit'])
    expect(own.placesOf(one.id)).toHaveLength(result === 'moved' ? 2 : 1)
    expect(replicasOf(one.answers)).toHaveLength(result === 'moved' ? 2 : 1)
  })

  it('moves the conversations of a backend that dies, each once and to one other, and no others', async () => {
    await using own = await startRecordingFleet(cliproxyapi)
    const { all, outcomes } = wrapped(own)
    await talk(all, 2)
    const lost = all[0]?.answers[0]?.replica
    await own.recorders[own.placesOf(all[0]?.id ?? '')[0] ?? 0]?.close()
    await talk(all, 3)
    for (const each of all) {
      const isLost = each.answers[0]?.replica === lost
      expect(outcomes.resultsOf(each).slice(2)).toEqual([isLost ? 'moved' : 'hit', 'hit', 'hit'])
      expect(replicasOf(each.answers.slice(2))).toHaveLength(1)
    }
  })

  it('has no credential left for a model after each has failed once', async () => {
    await using own = await startRecordingFleet(cliproxyapi)
    for (const recorder of own.recorders) recorder.script(fail(500))
    const call = (): Promise<unknown> => openai(own).chat.completions.create(ask('Hello'))
    await expect(call()).rejects.toMatchObject({ status: 500 })
    await expect(call()).rejects.toMatchObject({ status: 503, message: expect.stringContaining('no auth available') })
  })
})

function wrapped(at: RecordingFleet, count?: number): { readonly all: Conversation[]; readonly outcomes: Outcomes } {
  const outcomes = new Outcomes()
  const { onOutcome } = outcomes
  return { all: conversations(at.speakers({ gateway: 'cliproxyapi', onOutcome }), count, { replicaIn }), outcomes }
}

function openai({ gateway }: RecordingFleet): OpenAI {
  return new OpenAI({ baseURL: `${gateway.origin}/v1`, apiKey: 'none', maxRetries: 0 })
}

function anthropic({ gateway }: RecordingFleet): Anthropic {
  return new Anthropic({ baseURL: gateway.origin, apiKey: 'none', maxRetries: 0 })
}

function ask(content: string): { readonly model: string; readonly messages: { role: 'user'; content: string }[] } {
  return { model: 'test-model', messages: [{ role: 'user', content }] }
}
