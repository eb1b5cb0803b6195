import Anthropic from '@anthropic-ai/sdk'
import { type AffinityOptions, runWithSession, withAffinity } from 'llm-affinity'
import { fail, rateLimited, startRecorder } from 'llm-affinity-testkit'
import OpenAI, { type ClientOptions } from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { litellm, litellmNewer } from './programs/litellm.ts'
import { API_KEY } from './support/api-key.ts'
import { describeProgram } from './support/describe.ts'
import { Outcomes } from './support/outcomes.ts'
import { type RecordingFleet, startRecordingFleet } from './support/recording-fleet.ts'
import type { Speaker } from './support/speakers.ts'
import { type Answer, type Conversation, conversation, conversations, replicasOf, talk } from './support/traffic.ts'

// It is some ten seconds' work to start it, on a machine that does nothing else.
const PATIENCE = 300_000
const replicaIn = (headers: Headers): string | null => headers.get('x-litellm-model-id')
const ask = (content: string, model = 'test-model') => ({ model, messages: [{ role: 'user' as const, content }] })

for (const program of [litellm, litellmNewer]) {
  describeProgram(program, () => {
    describe('with the check of its page, and a second model', () => {
      let shared: RecordingFleet
      beforeAll(async () => {
        shared = await startRecordingFleet(program, { edit: withOtherModel })
      }, PATIENCE)
      afterAll(() => shared?.[Symbol.asyncDispose]())

      const arrived = (text: string): number[] =>
        shared.recorders.map(({ requests }) => requests.filter((each) => each.text().includes(text)).length).toSorted()
      const openai = (affinity: AffinityOptions, options: ClientOptions = {}): OpenAI =>
        withAffinity(new OpenAI({ baseURL: `${shared.gateway.origin}/v1`, apiKey: API_KEY, ...options }), affinity)

      it.each(['litellm', 'generic'] as const)('pins every conversation of many, with %s', async (gateway) => {
        const { all } = wrapped(shared, { gateway })
        await talk(all, 6)
        for (const { id, answers } of all) {
          expect(replicasOf(answers)).toHaveLength(1)
          expect(arrived(id)).toEqual([0, 0, 6])
        }
        expect(new Set(all.flatMap(({ answers }) => replicasOf(answers))).size).toBeGreaterThan(1)
      })

      it('has outcomes: nothing is known of a first turn, nor of Messages, and all others hit', async () => {
        const { all, outcomes } = wrapped(shared)
        await talk(all, 4)
        for (const each of all) {
          const later = each.speaker.name.startsWith('OpenAI') ? 'hit' : 'unknown'
          expect(outcomes.resultsOf(each)).toEqual(['unknown', later, later, later])
          expect(outcomes.of(each)).toMatchObject(
            each.answers.map((answer) => ({ backend: named(answer), attempt: 1 })),
          )
        }
      })

      it('holds one pin over both APIs, plain and streamed', async () => {
        const { speakers, outcomes } = wrapped(shared)
        const id = 'one-over-both-apis'
        for (const speaker of [...speakers, ...speakers]) await conversation(speaker, { id, replicaIn }).turn()
        expect(arrived(id)).toEqual([0, 0, 8])
        const later = ['hit', 'hit', 'unknown', 'unknown']
        expect(outcomes.resultsOf({ id })).toEqual(['unknown', ...later.slice(1), ...later])
      })

      it('holds two pins for two conversations of one client', async () => {
        const { speakers, outcomes } = wrapped(shared)
        for (const speaker of speakers) {
          const both = await apart(speaker)
          await talk([...both, ...both], 4)
          for (const each of both) {
            expect(replicasOf(each.answers)).toHaveLength(1)
            expect(outcomes.resultsOf(each)).toEqual(each.answers.map(compared))
          }
        }
      })

      it('pins a new conversation that begins with many calls at once', async () => {
        const { all } = wrapped(shared)
        const bursts = all.flatMap((each) => Array<Conversation>(8).fill(each))
        await talk(bursts, 1)
        for (const { id } of all) expect(arrived(id)).toEqual([0, 0, 8])
      })

      it('pins each model of a conversation for itself, and a second client keeps the session', async () => {
        const { all, onOutcome } = new Outcomes()
        const one = openai({ gateway: 'litellm', onOutcome })
        const bare = new Anthropic({ baseURL: shared.gateway.origin, apiKey: API_KEY })
        const other = withAffinity(bare, { gateway: 'litellm', onOutcome })
        const ids = Array.from({ length: 12 }, (_, at) => `two-models-${at};`)
        for (const id of [...ids, ...ids, ...ids]) {
          await runWithSession(id, async () => {
            await one.chat.completions.create(ask(`${id}one`))
            await other.messages.create({ ...ask(`${id}other`, 'other-model'), max_tokens: 64 })
          })
        }
        for (const id of ids) {
          expect(arrived(`${id}one`)).toEqual([0, 0, 3])
          expect(arrived(`${id}other`)).toEqual([0, 0, 3])
        }
        expect(ids.some((id) => shared.placesOf(id).length > 1)).toBe(true)
        expect(all.map(({ result }) => result)).toEqual([
          ...Array(24).fill('unknown'),
          ...Array(24).fill(['hit', 'unknown']).flat(),
        ])
      })

      it(`${program === litellm ? 'does not pin' : 'pins'} by X-Session-Id alone, and pins by any x-<vendor>-session-id`, async () => {
        const pinsBy = async (header: string): Promise<boolean> => {
          const { all } = wrapped(shared, { gateway: { name: header, headers: [header] } })
          await talk(all, 4)
          return all.every(({ answers }) => replicasOf(answers).length === 1)
        }
        expect(await pinsBy('x-session-id')).toBe(program !== litellm)
        expect(await pinsBy('x-acme-session-id')).toBe(true)
      })

      it('lets a session id of the caller win, and adds nothing to it', async () => {
        const { all, onOutcome } = new Outcomes()
        const { speakers } = wrapped(shared)
        const [mine, theirs] = await apart(speakers[0])
        const headers = { 'X-LiteLLM-Session-Id': theirs.id }
        const { completions } = openai({ gateway: 'litellm', onOutcome }).chat
        const { response } = await runWithSession(mine.id, () =>
          completions.create(ask('Hello'), { headers }).withResponse(),
        )
        expect(replicaIn(response.headers)).toBe(theirs.answers[0]?.replica)
        expect(all).toEqual([])
      })

      it('follows a trace id before the session: one that is new in every call undoes the pin', async () => {
        const { all, onOutcome } = new Outcomes()
        const { completions } = openai({ gateway: 'litellm', onOutcome }).chat
        const call = (trace: string) =>
          runWithSession('traced-conversation', () =>
            completions.create(ask('Hello'), { headers: { 'x-litellm-trace-id': trace } }),
          )
        for (let turn = 0; turn < 16; turn++) await call(`trace-of-turn-${turn}`)
        expect(all.map(({ result }) => result)).toContain('moved')
        for (let turn = 0; turn < 8; turn++) await call('trace-of-all-turns')
        expect(all.slice(-7).map(({ result }) => result)).toEqual(Array(7).fill('hit'))
      })

      it('names the base URL of the deployment that answered too, but not over Anthropic’s API', async () => {
        for (const speaker of wrapped(shared).speakers) {
          const each = conversation(speaker, { replicaIn })
          const { headers } = await each.turn()
          const [place = -1] = shared.placesOf(each.id)
          const named = speaker.name.startsWith('OpenAI') ? shared.recorders[place]?.baseURL : null
          expect(headers.get('x-litellm-model-api-base'), speaker.name).toBe(named)
        }
      })

      it('hands no key on to the backends', async () => {
        const { all } = wrapped(shared, {}, 4)
        await talk(all, 1)
        for (const { id } of all) {
          const requests = shared.recorders.flatMap((each) => each.requests)
          const [request] = requests.filter((each) => each.text().includes(id))
          expect(request?.text().split(id), 'only the question names it').toHaveLength(2)
          expect(JSON.stringify(request?.rawHeaders)).not.toContain(id)
        }
      })

      it('sends side calls wherever there is room', async () => {
        const { all } = wrapped(shared, {}, 4)
        for (const each of all) {
          const aside = await Promise.all(Array.from({ length: 16 }, () => each.sideCall()))
          expect(replicasOf(aside).length).toBeGreaterThan(1)
        }
      })

      it('tries a backend that fails again, though others are well, and stays', async () => {
        const outcomes = new Outcomes()
        const { completions } = openai({ gateway: 'litellm', onOutcome: outcomes.onOutcome }, { maxRetries: 0 }).chat
        const id = 'failing-conversation'
        const turn = () => runWithSession(id, () => completions.create(ask(id)))
        // So many that those which fail are not more than half: see the page.
        for (let before = 0; before < 10; before++) await turn()
        const pinned = shared.recorders[shared.placesOf(id)[0] ?? 0]
        pinned?.script(fail(500))
        await turn()
        pinned?.script(fail(500, 3))
        await expect(turn()).rejects.toMatchObject({ status: 500 })
        await turn()
        expect(outcomes.of({ id }).slice(10)).toMatchObject([
          { result: 'hit', status: 200, attempt: 2 },
          // The later one also names the deployment that has failed.
          { result: program === litellm ? 'unknown' : 'hit', status: 500 },
          { result: 'hit', status: 200, attempt: 1 },
        ])
        expect(arrived(id)).toEqual([0, 0, 16])
      })

      it('answers elsewhere what a backend has no room for, and returns when its time is over', async () => {
        const { speakers, outcomes } = wrapped(shared)
        for (const speaker of [speakers[0], speakers.at(-1) ?? speakers[0]]) {
          const each = conversation(speaker, { replicaIn })
          const home = await each.turn()
          shared.recorders[shared.placesOf(each.id)[0] ?? 0]?.script(rateLimited(3))
          expect((await each.turn()).replica).not.toBe(home.replica)
          expect(outcomes.of(each)[1]).toMatchObject({ status: 200, result: 'moved', attempt: 2 })
          await expectToReturn(each, home)
          expect(outcomes.resultsOf(each)).toEqual(each.answers.map(compared))
        }
      })
    })

    it('answers elsewhere from the first call on when a backend dies, if told to', { timeout: PATIENCE }, async () => {
      const edit = (config: string): string => config.replace('router_settings:\n', '$&  allowed_fails: 0\n')
      await using own = await startRecordingFleet(program, { edit })
      const { all, outcomes } = wrapped(own)
      await talk(all, 1)
      const [first, ...others] = all
      if (first === undefined) throw new Error('no conversations')
      const lost = own.recorders[own.placesOf(first.id)[0] ?? 0]
      const [home] = first.answers
      const isLost = ({ answers }: Conversation): boolean => answers[0]?.replica === home?.replica
      await lost?.close()
      await first.turn()
      expect(outcomes.of(first)[1]).toMatchObject({ status: 200, result: 'moved', attempt: 2 })
      await talk(others, 3)
      for (const each of all) {
        expect(replicasOf(each.answers.slice(1))).not.toContain(home?.replica)
        if (!isLost(each)) expect(outcomes.resultsOf(each)).toEqual(each.answers.map(compared))
      }

      await using _ = await startRecorder({ port: Number(new URL(lost?.origin ?? '').port) })
      for (const each of all.filter(isLost)) await expectToReturn(each, home)
      for (const each of all) expect(outcomes.resultsOf(each)).toEqual(each.answers.map(compared))
      expect(outcomes.all.every(({ status }) => status === 200)).toBe(true)
    })

    const refuses = program === litellmNewer
    it.runIf(refuses)(
      'refuses side calls with missing_session_id: reject, unless the row is strict',
      { timeout: PATIENCE },
      async () => {
        const edit = (config: string): string =>
          config.replace('general_settings:\n', '$&  missing_session_id: reject\n')
        await using own = await startRecordingFleet(program, { edit })
        const strict = { name: 'litellm-strict', headers: ['x-litellm-session-id'], requiresKey: true }
        for (const speaker of own.speakers({ gateway: strict })) {
          const each = conversation(speaker, { replicaIn })
          await each.turn()
          await each.sideCall()
        }
        for (const speaker of own.speakers({ gateway: 'litellm' })) {
          const each = conversation(speaker, { replicaIn })
          await each.turn()
          await expect(each.sideCall()).rejects.toMatchObject({ status: 400 })
        }
        const [bare] = own.speakers({ gateway: strict })
        await expect(bare?.say(ask('Hello').messages)).rejects.toThrow('Request has no session id')
      },
    )

    it('scatters every conversation without the check, and the outcomes say so', { timeout: PATIENCE }, async () => {
      const edit = (config: string): string => config.replace('["session_affinity"]', '[]')
      await using unchecked = await startRecordingFleet(program, { edit })
      const { all, outcomes } = wrapped(unchecked, {}, 4)
      await talk(all, 16)
      for (const each of all) {
        expect(replicasOf(each.answers).length).toBeGreaterThan(1)
        expect(outcomes.resultsOf(each)).toEqual(each.answers.map(compared))
      }
      expect(outcomes.count('moved')).toBeGreaterThan(0)
    })
  })
}

interface Wrapped {
  readonly speakers: readonly [Speaker, ...Speaker[]]
  readonly all: readonly Conversation[]
  readonly outcomes: Outcomes
}

function wrapped(to: RecordingFleet, options: AffinityOptions = {}, count = 20): Wrapped {
  const outcomes = new Outcomes()
  const { onOutcome } = outcomes
  const [first, ...others] = to.speakers({ gateway: 'litellm', onOutcome, ...options })
  if (first === undefined) throw new Error('it speaks nothing')
  const speakers = [first, ...others] as const
  return { speakers, all: conversations(speakers, count, { replicaIn }), outcomes }
}

/** Two conversations after their first turn, on two deployments. */
async function apart(speaker: Speaker): Promise<readonly [Conversation, Conversation]> {
  const one = conversation(speaker, { replicaIn })
  const { replica } = await one.turn()
  for (let attempt = 0; attempt < 50; attempt++) {
    const other = conversation(speaker, { replicaIn })
    if ((await other.turn()).replica !== replica) return [one, other]
  }
  throw new Error(`${speaker.name}: all conversations are on ${replica}`)
}

/** Once the backend counts as well again; and then it stays. */
async function expectToReturn(each: Conversation, home: Answer | undefined): Promise<void> {
  const replica = async (): Promise<string> => (await each.turn()).replica
  await expect.poll(replica, { timeout: 30_000, interval: 200 }).toBe(home?.replica)
  expect(await replica()).toBe(home?.replica)
}

function baseIn({ headers }: Answer): string | null {
  return headers.get('x-litellm-model-api-base')
}

/** The deployment and its base URL, which answers of Messages lack. */
function named(answer: Answer): string {
  return [answer.replica, baseIn(answer) ?? []].flat().join(' ')
}

function compared(answer: Answer, at: number, all: readonly Answer[]): 'unknown' | 'hit' | 'moved' {
  if (at === 0) return 'unknown'
  if (answer.replica !== all[at - 1]?.replica) return 'moved'
  return baseIn(answer) === null ? 'unknown' : 'hit'
}

function withOtherModel(config: string): string {
  const [, models = ''] = /^model_list:\n((?: .*\n)+)/m.exec(config) ?? []
  return config.replace(models, models + models.replaceAll('test-model', 'other-model'))
}
