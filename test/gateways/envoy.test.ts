import { runWithSession, withAffinity } from 'llm-affinity'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { envoy } from './programs/envoy.ts'
import { describeProgram } from './support/describe.ts'
import { type Fleet, startFleet } from './support/fleet.ts'
import { placesOf, stamped, unstamped } from './support/stamped.ts'
import { type Answer, replicasOf, talk } from './support/traffic.ts'

describeProgram(envoy, () => {
  let fleet: Fleet
  beforeAll(async () => {
    fleet = await startFleet(envoy)
  })
  afterAll(() => fleet?.[Symbol.asyncDispose]())

  it('says who has answered, and it is true', async () => {
    const { all } = stamped(envoy, fleet)
    await talk(all, 2)
    for (const { headers, replica } of all.flatMap(({ answers }) => answers)) {
      expect(headers.get('x-backend')).toBe(new URL(fleet.replica(replica).origin).host)
    }
  })

  it('pins nothing without us', async () => {
    const all = unstamped(envoy, fleet)
    await talk(all, 6)
    expect(placesOf(all).filter((at) => at.length === 1).length).toBeLessThan(all.length / 4)
  })

  it('sends side calls wherever there is room, while their conversation stays', async () => {
    for (const each of stamped(envoy, fleet, 4).all) {
      const aside: Answer[] = []
      for (let count = 0; count < 20; count++) {
        await each.turn()
        aside.push(await each.sideCall())
      }
      expect(replicasOf(each.answers)).toHaveLength(1)
      expect(replicasOf(aside).length).toBeGreaterThan(1)
    }
  })

  it('pins nothing without a hash policy, though it has a ring', async () => {
    const edit = (config: string): string => config.replace(/hash_policy:\n.*\n/, '\n')
    await using own = await startFleet(envoy, { edit })
    const { all } = stamped(envoy, own)
    await talk(all, 6)
    expect(placesOf(all).filter((at) => at.length === 1).length).toBeLessThan(all.length / 4)
  })

  it.each([
    ['without a say in how many may be tried again at once', /circuit_breakers.*/],
    ['without being kept from the one that it has just tried', / *retry_host_predicate:\n.*\n.*\n.*\n/],
  ])('answers with 503 when a backend dies that many are on, %s', async (_, left) => {
    expect(await failuresOf40()).toBe(0)
    expect(await failuresOf40((config) => config.replace(left, ''))).toBeGreaterThan(0)
  })
})

/** How many of 40 calls of one session fail, made at once just after the backend has died that it is on. */
async function failuresOf40(edit = (config: string): string => config): Promise<number> {
  await using own = await startFleet(envoy, { edit })
  const bare = new OpenAI({ baseURL: `${own.origin}/v1`, apiKey: 'none', maxRetries: 0 })
  const { models } = withAffinity(bare, { gateway: 'envoy' })
  const ask = () => runWithSession('one-session', () => models.list().withResponse())
  const { response } = await ask()
  const lost = own.replicas.find(({ origin }) => new URL(origin).host === response.headers.get('x-backend'))
  await lost?.close()
  const all = await Promise.allSettled(Array.from({ length: 40 }, ask))
  const errors = all.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
  for (const error of errors) expect(error).toMatchObject({ status: 503 })
  return errors.length
}
