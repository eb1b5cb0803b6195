import { afterAll, beforeAll, expect, it } from 'vitest'
import { rayServe } from './programs/ray-serve.ts'
import { describeProgram } from './support/describe.ts'
import { type Fleet, startFleet } from './support/fleet.ts'
import { placesOf, stamped, unstamped } from './support/stamped.ts'
import { type Answer, replicasOf, talk } from './support/traffic.ts'

// Half a minute's work to start it, on a machine that does nothing else.
const PATIENCE = 300_000

describeProgram(rayServe, () => {
  let fleet: Fleet
  beforeAll(async () => {
    fleet = await startFleet(rayServe)
  }, PATIENCE)
  afterAll(() => fleet?.[Symbol.asyncDispose]())

  it('keeps every conversation on one replica, and different ones on different replicas', async () => {
    const { all, outcomesOf } = stamped(rayServe, fleet)
    await talk(all, 6)
    for (const at of placesOf(all)) expect(at).toHaveLength(1)
    expect(new Set(placesOf(all).flat()).size).toBe(3)
    // No answer names its replica.
    for (const each of all) expect(new Set(outcomesOf(each).map(({ result }) => result))).toEqual(new Set(['unknown']))
  })

  it('pins nothing without us', async () => {
    const all = unstamped(rayServe, fleet)
    await talk(all, 6)
    expect(placesOf(all).filter((at) => at.length === 1).length).toBeLessThan(all.length / 4)
  })

  it('sends side calls wherever there is room, while their conversation stays', async () => {
    for (const each of stamped(rayServe, fleet, 4).all) {
      const aside: Answer[] = []
      for (let count = 0; count < 12; count++) {
        await each.turn()
        aside.push(await each.sideCall())
      }
      expect(replicasOf(each.answers)).toHaveLength(1)
      expect(replicasOf(aside).length).toBeGreaterThan(1)
    }
  })

  it('logs its router and the ring, as its page says', () => {
    expect(fleet.gateway.said()).toMatch(/ConsistentHashRouter initialized for .*num_fallback_replicas=2/)
    expect(fleet.gateway.said()).toMatch(/Rebuilt consistent-hash ring for .*: 3 replicas/)
  })

  it('moves sessions when a replica has as many calls as it may, 5 by default', { timeout: PATIENCE }, async () => {
    await using own = await startFleet(rayServe, { edit: (config) => config.replace(/max_ongoing_requests: .*/, '') })
    // Of one session, at the same time.
    const [one] = stamped(rayServe, own, 1).all
    const answers = await Promise.all(Array.from({ length: 14 }, () => one?.turn()))
    expect(new Set(answers.map((answer) => answer?.replica)).size).toBe(3)
  })

  // The last one: it leaves another replica than it has found.
  it('moves the conversations of a replica that is killed, and no others', async () => {
    const { all } = stamped(rayServe, fleet)
    await talk(all, 2)
    const pidOf = ({ answers }: (typeof all)[number]): string => answers.at(-1)?.headers.get('x-serve-pid') ?? ''
    const before = new Map(all.map((each) => [each, pidOf(each)]))
    const [lost] = before.values()
    process.kill(Number(lost), 'SIGKILL')
    await talk(all, 4)
    for (const [each, pid] of before) {
      if (pid === lost) expect(pidOf(each)).not.toBe(lost)
      else expect(new Set(each.answers.map(({ replica }) => replica)).size).toBe(1)
    }
    expect([...before.values()].filter((pid) => pid !== lost).length).toBeGreaterThan(0)
  })
})
