import { afterAll, beforeAll, expect, it } from 'vitest'
import { gateways } from '../../packages/llm-affinity/src/gateways/table.ts'
import { envoy } from './programs/envoy.ts'
import { smg } from './programs/smg.ts'
import { vllmRouter } from './programs/vllm-router.ts'
import { describeProgram } from './support/describe.ts'
import { type Fleet, startFleet } from './support/fleet.ts'
import { piecesThrough } from './support/pieces.ts'
import { speakersTo } from './support/speakers.ts'
import { placesOf, stamped } from './support/stamped.ts'
import { conversation, replicasOf, talk } from './support/traffic.ts'

// What they all do with a key, as their pages turn them on.
for (const program of [smg, vllmRouter, envoy]) {
  const evidence = gateways.get(program.gateway)?.evidence

  describeProgram(program, () => {
    let fleet: Fleet
    beforeAll(async () => {
      fleet = await startFleet(program)
    })
    afterAll(() => fleet?.[Symbol.asyncDispose]())

    it('keeps every conversation on one backend, and different ones on different backends', async () => {
      const { all } = stamped(program, fleet)
      await talk(all, 6)
      for (const at of placesOf(all)) expect(at).toHaveLength(1)
      expect(new Set(placesOf(all).flat()).size).toBeGreaterThan(1)
    })

    it('has outcomes of each turn, as far as its answers say where they are from', async () => {
      const { all, outcomesOf } = stamped(program, fleet)
      await talk(all, 3)
      const backends = new Map<string, Set<string | undefined>>()
      for (const each of all) {
        const outcomes = outcomesOf(each)
        const later = evidence === undefined ? 'unknown' : 'hit'
        expect(outcomes.map(({ result }) => result)).toEqual(['unknown', later, later])
        const [replica = ''] = replicasOf(each.answers)
        backends.set(replica, new Set([...(backends.get(replica) ?? []), ...outcomes.map(({ backend }) => backend)]))
      }
      // Of each replica one name, which no other has.
      for (const names of backends.values()) expect(names.size).toBe(1)
      const names = new Set([...backends.values()].flatMap((each) => [...each]))
      expect(names.size).toBe(evidence === undefined ? 1 : backends.size)
      expect(names.has(undefined)).toBe(evidence === undefined)
    })

    it('keeps sessions apart whose ids end like turns or retries of one', async () => {
      for (const suffix of ['_t', '_r']) {
        const [speaker] = speakersTo(fleet.origin, ['openai'], { gateway: program.gateway })
        if (speaker === undefined) throw new Error('no speaker')
        const all = Array.from({ length: 12 }, (_, at) => conversation(speaker, { id: `an-agents-run${suffix}${at}` }))
        await talk(all, 2)
        for (const at of placesOf(all)) expect(at).toHaveLength(1)
        expect(new Set(placesOf(all).flat()).size).toBeGreaterThan(1)
      }
    })

    it('moves the conversations of a backend that dies, each once and to one other, and no others', async () => {
      await using own = await startFleet(program)
      const { all, outcomesOf } = stamped(program, own)
      await talk(all, 2)
      const lost = all[0]?.answers[0]?.replica ?? ''
      await own.replica(lost).close()
      await talk(all, 3)
      for (const each of all) {
        const [before, after] = [each.answers.slice(0, 2), each.answers.slice(2)].map(replicasOf)
        const isLost = before?.[0] === lost
        expect(after).toHaveLength(1)
        if (isLost) expect(after).not.toContain(lost)
        else expect(after).toEqual(before)
        const answered = outcomesOf(each).filter(({ status }) => status === 200)
        const known = [isLost ? 'moved' : 'hit', 'hit', 'hit']
        const expected = evidence === undefined ? known.map(() => 'unknown') : known
        expect(answered.slice(2).map(({ result }) => result)).toEqual(expected)
      }
    })

    it('hands on what a backend has written, before it writes more', async () => {
      expect(await piecesThrough(program)).toEqual(['piece 0', 'piece 1', 'piece 2'])
    })
  })
}
