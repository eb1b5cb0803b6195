import { runWithoutSession, Session } from 'llm-affinity'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { vllmRouter } from './programs/vllm-router.ts'
import { describeProgram } from './support/describe.ts'
import { type Fleet, startFleet } from './support/fleet.ts'
import { speakersTo } from './support/speakers.ts'
import { placesOf, stamped, unstamped } from './support/stamped.ts'
import { talk } from './support/traffic.ts'

describeProgram(vllmRouter, () => {
  let fleet: Fleet
  beforeAll(async () => {
    fleet = await startFleet(vllmRouter)
  })
  afterAll(() => fleet?.[Symbol.asyncDispose]())

  it('sends all chat completions that carry no key to one and the same worker', async () => {
    const all = unstamped({ speaks: ['openai'] }, fleet)
    await talk(all, 3)
    const [one] = placesOf(all)
    expect(new Set(placesOf(all).flat())).toEqual(new Set(one))
  })

  it('spreads side calls, which so carry the key of a lane', async () => {
    const [speaker] = speakersTo(fleet.origin, ['openai'], { gateway: 'vllm-router' })
    const ask = [{ role: 'user' as const, content: 'A title, please' }]
    const places = new Set<string | null | undefined>()
    for (let count = 0; count < 20; count++) {
      const reply = await new Session().run(() => runWithoutSession(() => speaker?.say(ask)))
      places.add(reply?.headers.get('x-replica'))
    }
    expect(places.size).toBe(3)
  })

  it('goes by the body of messages that carry no key, which is another one in every turn', async () => {
    const all = unstamped({ speaks: ['anthropic'] }, fleet)
    await talk(all, 6)
    expect(placesOf(all).filter((at) => at.length === 1).length).toBeLessThan(all.length / 4)
  })

  it('pins by our key under the policy sticky_least_loaded, too', async () => {
    const edit = (command: string): string => command.replace('consistent_hash', 'sticky_least_loaded')
    await using own = await startFleet(vllmRouter, { edit })
    const { all } = stamped(vllmRouter, own)
    await talk(all, 6)
    for (const at of placesOf(all)) expect(at).toHaveLength(1)
    expect(new Set(placesOf(all).flat()).size).toBe(3)
  })
})
