import { describe, expect, it } from 'vitest'
import { runSetup, summaryOf } from './bench/bench.ts'
import { benchSetups } from './bench/setups.ts'

// A slice of `npm run doctor:bench`: set-ups whose verdict does not depend on the seed.
const slice = [
  'hashes the key; seen by x-replica; blocks of 64',
  'hashes the key; seen by caches only; blocks of 16',
  'hashes the key, and rejects calls without it; seen by x-replica; no cache',
  'hashes the beginning of the prompt; seen by x-replica; blocks of 64',
  'hashes the key; seen by caches only; one cache for all',
  'random; seen by caches, and x-upstream-status; no cache',
  'random, 97 % to one backend; seen by x-replica; no cache',
]

describe('the bench of the doctor', () => {
  it('has at least 60 set-ups with different titles', () => {
    expect(new Set(benchSetups.map(({ title }) => title)).size).toBe(benchSetups.length)
    expect(benchSetups.length).toBeGreaterThanOrEqual(60)
  })

  // Chance leaves a few runs in a hundred undecided, so a run may be repeated.
  it.each(slice)('gets a right verdict for: %s', { timeout: 300_000, retry: 3 }, async (title) => {
    const setup = benchSetups.find((each) => each.title === title)
    if (setup === undefined) throw new Error(`There is no set-up "${title}"`)
    const run = await runSetup(setup, 1)
    expect(setup.right, run.why.join('\n')).toContain(run.verdict)
  })

  it('counts exit codes and names where nothing pins, and set-ups with several verdicts', () => {
    const [random, key] = ['nothing', 'key'].map((truth) => benchSetups.find((setup) => setup.truth === truth))
    if (random === undefined || key === undefined) throw new Error('The bench has no such set-ups')
    const run = (setup: typeof key, verdict: string, exitCode: number) => ({
      setup,
      seed: 1,
      verdict,
      exitCode,
      isRight: setup.right.includes(verdict),
      namesHeader: verdict === 'wrong-name',
      tokens: 1,
      seconds: 1,
      why: [],
    })
    const runs = [run(random, 'sticky', 0), run(random, 'wrong-name', 1), run(key, 'sticky', 0), run(key, 'unknown', 2)]
    expect(summaryOf(runs)).toEqual({
      setups: 2,
      runs: 4,
      right: 1,
      exitZeroWithoutPin: 1,
      namesWithoutPin: 1,
      unstable: 1,
    })
  })
})
