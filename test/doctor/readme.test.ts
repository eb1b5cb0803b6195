import { startBalancer, startReplica } from 'llm-affinity-testkit'
import { describe, expect, it } from 'vitest'
import { runSnippet, snippetsOf, tests, typeErrorsIn } from '../support/snippets.ts'

const snippets = (await snippetsOf('packages/doctor/README.md')).filter(({ language }) => language === 'ts')

describe('the snippets of the doctor’s README', () => {
  it('pass the compiler', async () => {
    expect(snippets).toHaveLength(1)
    expect(await typeErrorsIn(snippets, tests)).toBe('')
  })

  it.each(snippets)('run as they stand: the one in line $line', async (snippet) => {
    await using a = await startReplica({ name: 'a', cacheTokens: 1_000_000 })
    await using b = await startReplica({ name: 'b', cacheTokens: 1_000_000 })
    await using gateway = await startBalancer({ targets: [a, b], policy: 'round-robin' })
    const { stdout, stderr } = await runSnippet(snippet, gateway.origin, tests)
    expect(stderr).toBe('')
    // Chance leaves a few runs in a hundred undecided.
    expect(stdout).toMatch(/^(not-sticky|unknown) \[\n.*\{ count: \d+, total: \d+ \}\n$/s)
  })
})
