import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { smg } from './programs/smg.ts'
import { startByHand } from './support/byhand.ts'
import { describeProgram } from './support/describe.ts'
import { type Fleet, startFleet } from './support/fleet.ts'
import { speakersTo } from './support/speakers.ts'
import { placesOf, stamped, unstamped } from './support/stamped.ts'
import { type Answer, conversation, replicasOf, talk } from './support/traffic.ts'

const policy = (flags: string) => (command: string) => command.replace('--policy consistent_hashing', flags)
const OVERRIDE = policy('--policy round_robin --routing-key-override')

describeProgram(smg, () => {
  let fleet: Fleet
  beforeAll(async () => {
    fleet = await startFleet(smg)
  })
  afterAll(() => fleet?.[Symbol.asyncDispose]())

  it('pins nothing without us, however many share an API key', async () => {
    const all = unstamped(smg, fleet)
    await talk(all, 6)
    expect(placesOf(all).filter((at) => at.length === 1).length).toBeLessThan(all.length / 4)
  })

  it('sends side calls wherever there is room, while their conversation stays', async () => {
    for (const each of stamped(smg, fleet, 4).all) {
      const aside: Answer[] = []
      for (let count = 0; count < 20; count++) {
        await each.turn()
        aside.push(await each.sideCall())
      }
      expect(replicasOf(each.answers)).toHaveLength(1)
      expect(replicasOf(aside).length).toBeGreaterThan(1)
    }
  })

  it.each([
    ['manual', policy('--policy manual')],
    ['any other, with --routing-key-override', OVERRIDE],
  ])('pins by our key under the policy %s', async (_, edit) => {
    await using own = await startFleet(smg, { edit })
    const { all, outcomesOf } = stamped(smg, own)
    await talk(all, 6)
    for (const at of placesOf(all)) expect(at).toHaveLength(1)
    expect(new Set(placesOf(all).flat()).size).toBeGreaterThan(1)
    for (const each of all) expect(outcomesOf(each).at(-1)?.result).toBe('hit')
  })

  it('takes keys that end like turns for one under --routing-key-override, but never ours', async () => {
    await using own = await startFleet(smg, { edit: OVERRIDE })
    const ids = Array.from({ length: 12 }, (_, at) => `an-agents-run_t${at}`)
    const { completions } = new OpenAI({ baseURL: `${own.origin}/v1`, apiKey: 'none' }).chat
    const raw = new Set<string | null>()
    for (const id of ids) {
      const ask = { model: 'test-model', messages: [{ role: 'user' as const, content: id }] }
      const { response } = await completions.create(ask, { headers: { 'x-smg-routing-key': id } }).withResponse()
      raw.add(response.headers.get('x-replica'))
    }
    expect(raw.size).toBe(1)
    const [speaker] = speakersTo(own.origin, ['openai'], { gateway: 'smg' })
    if (speaker === undefined) throw new Error('no speaker')
    const all = ids.map((id) => conversation(speaker, { id }))
    await talk(all, 2)
    for (const at of placesOf(all)) expect(at).toHaveLength(1)
    expect(new Set(placesOf(all).flat()).size).toBeGreaterThan(1)
  })

  it('sends the third call of a session that runs at once elsewhere under --routing-key-override, and only there', async () => {
    const placesWith = async (edit?: (command: string) => string): Promise<string[]> => {
      let asked = 0
      const start = (name: string) =>
        startByHand(name, async (response) => {
          asked += 1
          // Nobody is answered before all three have come.
          while (asked < 3) await sleep(5)
          response.writeHead(200, { 'content-type': 'application/json', 'x-replica': name })
          response.end(JSON.stringify({ choices: [{ index: 0, message: { role: 'assistant', content: 'Well' } }] }))
        })
      await using a = await start('A')
      await using b = await start('B')
      await using c = await start('C')
      await using gateway = await smg.start([a, b, c], edit && { edit })
      const [speaker] = speakersTo(gateway.origin, ['openai'], { gateway: 'smg' })
      if (speaker === undefined) throw new Error('no speaker')
      const calls = Array.from({ length: 3 }, () => conversation(speaker, { id: 'one-session' }).turn())
      return replicasOf(await Promise.all(calls))
    }
    expect(await placesWith(OVERRIDE)).toHaveLength(2)
    expect(await placesWith()).toHaveLength(1)
    expect(await placesWith(policy('--policy manual'))).toHaveLength(1)
  })
})
