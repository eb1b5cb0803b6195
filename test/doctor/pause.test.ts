import { startBalancer, startReplica } from 'llm-affinity-testkit'
import { describe, expect, it } from 'vitest'
import { against, doctor } from './support/doctor.ts'

/** The doctor before a gateway whose pins live so long. Pauses of 3, 6 and 12 seconds are made before turns 3 to 5. */
async function examine(ttlMs?: number) {
  await using stack = new AsyncDisposableStack()
  const start = async (name: string) => stack.use(await startReplica({ name, cacheTokens: 1_000_000 }))
  const targets = [await start('a'), await start('b'), await start('c')]
  const policy = { header: 'x-session-id', ...(ttlMs !== undefined && { ttlMs }) }
  const balancer = stack.use(await startBalancer({ targets, policy }))
  const told = await doctor(against(balancer.baseURL, '--pause', '12', '--budget', '400000', '--conversations', '12'))
  return told.json()
}

describe.concurrent('--pause', { timeout: 240_000 }, () => {
  it('says between which pauses pins are lost', async () => {
    const { verdict, exitCode, why } = await examine(4500)
    expect({ verdict, exitCode }, why.join('\n')).toEqual({ verdict: 'partly-sticky', exitCode: 1 })
    expect(why.join('\n')).toMatch(
      /Conversations moved after a pause of (6 s, and stayed after a pause of 3 s|3 s): pins, or what holds them, live no longer/,
    )
  })

  it('says that pins outlived the longest pause', async () => {
    const { verdict, why } = await examine()
    expect(verdict).toBe('sticky')
    expect(why).toContain('They also stayed after a pause of 12 s.')
  })
})
