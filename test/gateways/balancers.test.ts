import type { Outcome } from 'llm-affinity'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { caddy, caddyOfDebian } from './programs/caddy.ts'
import { haproxy } from './programs/haproxy.ts'
import { nginx } from './programs/nginx.ts'
import { describeProgram } from './support/describe.ts'
import { type Fleet, startFleet } from './support/fleet.ts'
import { piecesThrough } from './support/pieces.ts'
import type { Program } from './support/program.ts'
import { speakersTo } from './support/speakers.ts'
import { type Answer, type Conversation, conversations, replicasOf, talk } from './support/traffic.ts'

// What our recipes have each of them do.
for (const program of [caddy, caddyOfDebian, nginx, haproxy]) {
  describeProgram(program, () => {
    let fleet: Fleet
    beforeAll(async () => {
      fleet = await startFleet(program)
    })
    afterAll(() => fleet?.[Symbol.asyncDispose]())

    const places = (all: readonly Conversation[]): string[][] => all.map(({ answers }) => replicasOf(answers))

    it('keeps every conversation on one backend, and different ones on different backends', async () => {
      const { all } = wrapped(program, fleet)
      await talk(all, 4)
      for (const at of places(all)) expect(at).toHaveLength(1)
      expect(new Set(places(all).flat()).size).toBeGreaterThan(1)
    })

    it('says who has answered, and it is true', async () => {
      const { all } = wrapped(program, fleet)
      await talk(all, 2)
      for (const answer of all.flatMap(({ answers }) => answers)) expectTrue(fleet, answer)
    })

    it('has outcomes: nothing is known of a first turn, and all others hit', async () => {
      const { all, outcomesOf } = wrapped(program, fleet)
      await talk(all, 4)
      for (const each of all) {
        expect(outcomesOf(each).map(({ result }) => result)).toEqual(['unknown', 'hit', 'hit', 'hit'])
        for (const { backend } of outcomesOf(each)) {
          expect(backend).toBe(hostOf(fleet, each.answers[0]?.replica))
        }
      }
    })

    it('pins nothing without us', async () => {
      const all = conversations(speakersTo(fleet.origin, program.speaks))
      await talk(all, 4)
      expect(places(all).some((at) => at.length > 1)).toBe(true)
    })

    it('sends side calls wherever there is room, while their conversation stays', async () => {
      const { all } = wrapped(program, fleet, 4)
      for (const each of all) {
        await each.turn()
        const aside = await Promise.all(Array.from({ length: 20 }, () => each.sideCall()))
        await each.turn()
        expect(replicasOf(each.answers)).toHaveLength(1)
        expect(replicasOf(aside).length).toBeGreaterThan(1)
      }
    })

    it('has them where they were after its config was read again', async () => {
      await using own = await startFleet(program)
      const { all, results } = wrapped(program, own)
      await talk(all, 2)
      for (const header of ['X-Served-By', 'X-Backend']) {
        await own.gateway.reload?.({ edit: (config) => config.replace('X-Backend', header) })
        // Connections from before may be served as before for a moment.
        await vi.waitFor(async () => {
          const { headers } = await fetch(`${own.origin}/v1/models`)
          expect(headers.has(header), 'the new config is in use').toBe(true)
        })
        await talk(all, 2)
      }
      for (const at of places(all)) expect(at).toHaveLength(1)
      expect(results()).not.toContain('moved')
    })

    it('moves the conversations of a backend that dies, each once and to one other, and no others', async () => {
      await using own = await startFleet(program)
      const { all, outcomesOf } = wrapped(program, own)
      await talk(all, 2)
      const lost = all[0]?.answers[0]?.replica ?? ''
      await own.replica(lost).close()
      await talk(all, 3)
      for (const each of all) {
        const [before, after] = [each.answers.slice(0, 2), each.answers.slice(2)].map(replicasOf)
        const answered = outcomesOf(each).filter(({ status }) => status === 200)
        const later = answered.slice(2).map(({ result }) => result)
        if (before?.[0] === lost) {
          expect(after).toHaveLength(1)
          expect(after).not.toContain(lost)
          expect(later).toEqual(['moved', 'hit', 'hit'])
        } else {
          expect(after).toEqual(before)
          expect(later).toEqual(['hit', 'hit', 'hit'])
        }
      }
    })

    it('hands on what a backend has written, before it writes more', async () => {
      expect(await piecesThrough(program)).toEqual(['piece 0', 'piece 1', 'piece 2'])
    })
  })
}

interface Wrapped {
  readonly all: Conversation[]
  outcomesOf(conversation: Conversation): Outcome[]
  results(): Outcome['result'][]
}

function wrapped(program: Program, { origin }: Fleet, count?: number): Wrapped {
  const heard: Outcome[] = []
  const onOutcome = (outcome: Outcome): void => {
    heard.push(outcome)
  }
  return {
    all: conversations(speakersTo(origin, program.speaks, { gateway: program.gateway, onOutcome }), count),
    outcomesOf: ({ id }) => heard.filter(({ session }) => session.id === id),
    results: () => heard.map(({ result }) => result),
  }
}

function hostOf(fleet: Fleet, replica = ''): string {
  return new URL(fleet.replica(replica).origin).host
}

function expectTrue(fleet: Fleet, { headers, replica }: Answer): void {
  expect(headers.get('x-backend')).toBe(hostOf(fleet, replica))
}
