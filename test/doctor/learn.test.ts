import { type Policy, startBalancer, startReplica } from 'llm-affinity-testkit'
import { describe, expect, it } from 'vitest'
import { describeProgram } from '../gateways/support/describe.ts'
import { startFleet } from '../gateways/support/fleet.ts'
import { ISSUER_SET_UPS } from '../gateways/support/issuers.ts'
import { against, doctor } from './support/doctor.ts'

/** What the doctor says with and without `--learn`, of a gateway whose only pin is what it hands out. */
async function expectLearned(baseURL: string, args: readonly string[], code: string): Promise<void> {
  const before = await doctor(against(baseURL))
  expect(before.json(), before.stdout).toMatchObject({ verdict: 'not-sticky', exitCode: 1 })
  expect(before.stdout).toContain('Run the doctor with --learn')
  const after = await doctor(against(baseURL, '--learn', ...args))
  expect(after.json(), after.stdout).toMatchObject({ verdict: 'sticky', exitCode: 0 })
  expect(after.stdout).toContain(code)
}

describe('the doctor with --learn', () => {
  it.each<[string, Policy, string]>([
    ['a cookie', { cookie: 'lb' }, "new LearnedState({ cookies: ['lb'] })"],
    ['a token', { token: 'x-session-token' }, "new LearnedState({ headers: ['x-session-token'] })"],
  ])('finds that a gateway pins by %s that it hands out, and says what to write', async (_, policy, code) => {
    await using stack = new AsyncDisposableStack()
    const names = ['A', 'B', 'C']
    const replicas = await Promise.all(names.map((name) => startReplica({ name, cacheTokens: 1_000_000 })))
    for (const replica of replicas) stack.use(replica)
    const balancer = stack.use(await startBalancer({ targets: replicas, policy }))
    await expectLearned(balancer.baseURL, [], code)
  })

  it('says that giving back did not help where the gateway goes round robin all the same', async () => {
    await using stack = new AsyncDisposableStack()
    const names = ['A', 'B', 'C']
    const replicas = await Promise.all(names.map((name) => startReplica({ name, cacheTokens: 1_000_000 })))
    for (const replica of replicas) stack.use(replica)
    const answerHeaders = (): Record<string, string> => ({ 'set-cookie': 'visit=1; Path=/' })
    const balancer = stack.use(await startBalancer({ targets: replicas, policy: 'round-robin', answerHeaders }))
    const told = await doctor(against(balancer.baseURL, '--learn'))
    expect(told.json(), told.stdout).toMatchObject({ verdict: 'not-sticky', exitCode: 1 })
    expect(told.stdout).toContain('Giving back `cookie visit` did not keep conversations')
  })
})

for (const { title, program, edit } of ISSUER_SET_UPS.filter(({ title }) =>
  /^(Traefik, two|HAProxy, `cookie … insert`$)/.test(title),
)) {
  describeProgram(program, () => {
    it(`${title}: found with --learn`, async () => {
      await using fleet = await startFleet(program, { edit })
      await expectLearned(`${fleet.origin}/v1`, [], 'new LearnedState({ cookies: [')
    })
  })
}
