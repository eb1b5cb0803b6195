import { setTimeout as sleep } from 'node:timers/promises'
import { runWithSession, Session, withAffinity } from 'llm-affinity'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Gateway } from '../../packages/llm-affinity/src/gateways/gateway.ts'
import { dynamo } from './programs/dynamo.ts'
import { describeProgram } from './support/describe.ts'
import { Outcomes } from './support/outcomes.ts'
import { type RecordingFleet, startRecordingFleet } from './support/recording-fleet.ts'
import { type Conversation, conversations, talk } from './support/traffic.ts'

// Five processes of Python, some ten seconds on a machine that does nothing else.
const PATIENCE = 300_000
// No header of an answer names its worker: the recorders tell.
const replicaIn = () => 'unnamed'
const ask = (content: string) => ({ model: 'test-model', messages: [{ role: 'user' as const, content }] })

describeProgram(dynamo, () => {
  let fleet: RecordingFleet
  beforeAll(async () => {
    fleet = await startRecordingFleet(dynamo)
  }, PATIENCE)
  afterAll(() => fleet?.[Symbol.asyncDispose]())

  const client = (gateway?: 'dynamo' | Gateway): OpenAI => {
    const bare = new OpenAI({ baseURL: `${fleet.gateway.origin}/v1`, apiKey: 'none', maxRetries: 0 })
    return gateway === undefined ? bare : withAffinity(bare, { gateway })
  }
  const placesOf = (all: readonly Conversation[]) => all.map(({ id }) => fleet.placesOf(id))
  const scattered = (all: readonly Conversation[]): number => placesOf(all).filter((at) => at.length > 1).length

  it('keeps every conversation on one worker, and different ones on different workers', async () => {
    const outcomes = new Outcomes()
    const { onOutcome } = outcomes
    const all = conversations(fleet.speakers({ gateway: 'dynamo', onOutcome }), 20, { replicaIn })
    await talk(all, 6)
    expect(scattered(all)).toBe(0)
    expect(new Set(placesOf(all).flat()).size).toBeGreaterThan(1)
    expect(outcomes.count('unknown')).toBe(120)
  })

  it('pins nothing without us', async () => {
    const all = conversations(fleet.speakers(), 20, { replicaIn })
    await talk(all, 6)
    expect(scattered(all)).toBeGreaterThan(10)
  })

  it('pins by these headers of others too, and not by that one', async () => {
    const pins: Record<string, boolean> = {}
    for (const header of ['x-session-id', 'x-claude-code-session-id', 'thread-id', 'session-id']) {
      const all = conversations(fleet.speakers({ gateway: { name: header, headers: [header] } }), 12, { replicaIn })
      await talk(all, 6)
      pins[header] = scattered(all) === 0
    }
    expect(pins).toEqual({
      'x-session-id': true,
      'x-claude-code-session-id': true,
      'thread-id': true,
      'session-id': false,
    })
  })

  it('puts all children of a session on one worker when the parent is named, and spreads them otherwise', async () => {
    const row = { name: 'dynamo', headers: ['x-dynamo-session-id'] }
    const workersOf = async (gateway: Gateway, name: string): Promise<number> => {
      const { completions } = client(gateway).chat
      const parent = new Session(`${name}-${Math.random()}`)
      const marks = Array.from({ length: 12 }, (_, at) => `${parent.id}-child-${at};`)
      await Promise.all(
        marks.map((mark) => parent.child(mark).run(() => completions.create(ask(`${mark} ${'word '.repeat(200)}`)))),
      )
      return new Set(marks.flatMap((mark) => fleet.placesOf(mark))).size
    }
    expect(await workersOf({ ...row, parent: 'x-dynamo-parent-session-id' }, 'named')).toBe(1)
    expect(await workersOf(row, 'not-named')).toBeGreaterThan(1)
  })

  it('names the worker in every chunk when asked to, except in that of the usage', async () => {
    const { completions } = client('dynamo').chat
    const nvext = { nvext: { extra_fields: ['worker_id'] } }
    const stream = await runWithSession('one', () =>
      completions.create({ ...ask('Hello'), ...nvext, stream: true, stream_options: { include_usage: true } }),
    )
    const named: boolean[] = []
    for await (const chunk of stream) named.push('nvext' in chunk && chunk.usage == null)
    expect(named.length).toBeGreaterThan(1)
    expect(named).toEqual(named.map((_, at) => at < named.length - 1))
  })

  const statusOf = (id: string, turn: string): Promise<number> =>
    runWithSession(id, () =>
      client('dynamo').chat.completions.create(ask(`${turn} ${id} ${'word '.repeat(200)}`)),
    ).then(
      () => 200,
      ({ status }: { readonly status: number }) => status,
    )

  /** Ends the worker that the first of these sessions is on, after a call of each. */
  const endWorkerOf = async (ids: readonly string[], signal: NodeJS.Signals) => {
    await Promise.all(ids.map((id) => statusOf(id, 'first')))
    const [place = -1] = fleet.placesOf(`first ${ids[0]}`)
    const { origin } = fleet.recorders[place] ?? {}
    const [, pid] = new RegExp(`worker before ${origin} is process (\\d+)`).exec(fleet.gateway.said()) ?? []
    process.kill(Number(pid), signal)
    return { place, lost: ids.filter((id) => fleet.placesOf(`first ${id}`).includes(place)) }
  }

  // The last two of this fleet: each leaves one worker less than it has found.
  it('fails no call when a worker is told to end, and moves its sessions alone', async () => {
    const ids = Array.from({ length: 12 }, (_, at) => `before-an-end-${at};`)
    const { place, lost } = await endWorkerOf(ids, 'SIGTERM')
    for (let turn = 0; turn < 10; turn++) {
      expect(await Promise.all(ids.map((id) => statusOf(id, `turn ${turn} `)))).toEqual(ids.map(() => 200))
      await sleep(100)
    }
    for (const id of ids) {
      if (lost.includes(id)) expect(fleet.placesOf(`turn 9  ${id}`)).not.toContain(place)
      else expect(fleet.placesOf(`turn 9  ${id}`)).toEqual(fleet.placesOf(`first ${id}`))
    }
  })

  it('fails calls of the sessions of a worker that is killed, and then places them anew', async () => {
    const ids = Array.from({ length: 12 }, (_, at) => `before-a-death-${at};`)
    const { place, lost } = await endWorkerOf(ids, 'SIGKILL')
    const statuses = await Promise.all(ids.map((id) => statusOf(id, 'second')))
    for (const [at, id] of ids.entries()) {
      if (lost.includes(id)) expect([500, 503]).toContain(statuses[at])
      else expect(statuses[at]).toBe(200)
    }
    for (const id of lost) await expect.poll(() => statusOf(id, 'later'), { timeout: 60_000 }).toBe(200)
    for (const id of lost) {
      expect(await statusOf(id, 'last')).toBe(200)
      expect(fleet.placesOf(`last ${id}`)).not.toContain(place)
    }
  })

  it('pins nothing without the option', { timeout: PATIENCE }, async () => {
    const edit = (command: string): string => command.replace(/--router-session-affinity-ttl-secs \d+/, '')
    await using own = await startRecordingFleet(dynamo, { edit })
    const all = conversations(own.speakers({ gateway: 'dynamo' }), 20, { replicaIn })
    await talk(all, 6)
    expect(all.filter(({ id }) => own.placesOf(id).length > 1).length).toBeGreaterThan(10)
  })
})
