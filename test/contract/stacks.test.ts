import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Batch, type Found, VERSIONS } from './stacks/batch.ts'
import { KINDS } from './stacks/judge.ts'
import { report } from './stacks/report.ts'
import { Servers } from './stacks/servers.ts'
import { themes } from './stacks/themes.ts'

// STACKS_SEED selects other stacks and calls, STACKS_COUNT sets their number, and STACKS_REPLAY, which a failure prints, plays one.
const { STACKS_SEED: SEED = '1', STACKS_COUNT = '43', STACKS_REPLAY: REPLAY } = process.env
const COUNT = Number(STACKS_COUNT)
const CALLS_AT_LEAST = 10_000

let servers: Servers
let played = 0
beforeAll(async () => {
  servers = await Servers.start()
})
afterAll(() => servers.close())

describe.runIf(REPLAY === undefined).each(Object.keys(VERSIONS))('undici %s, generated stacks on', (version) => {
  it.each(themes)(
    '$title: keys reach only named origins, each key is its own session’s, and nothing else changes',
    { timeout: 300_000 },
    async (theme) => {
      const found: Found[] = []
      const before = played
      for (let i = 0; i < COUNT; i++) {
        const batch = new Batch(servers, `${SEED}:${version}:${theme.title}:${i}`)
        found.push(...(await batch.play()))
        played += batch.played
      }
      const documented = found.filter(({ kind }) => kind === 'documented').length
      console.log(`${played - before} calls; ${documented} requests without a key for a documented reason`)
      for (const kind of KINDS) expect.soft(report(found, kind), kind).toBe('')
    },
  )
})

it.runIf(REPLAY === undefined && COUNT >= 43)('at least 20,000 calls went through the generated stacks', () => {
  expect(played).toBeGreaterThanOrEqual(CALLS_AT_LEAST)
})

it.runIf(REPLAY !== undefined)('the stack of STACKS_REPLAY has no faults', async () => {
  const batch = new Batch(servers, REPLAY ?? '')
  const found = await batch.play()
  console.log(batch.transcript())
  for (const kind of KINDS) expect.soft(report(found, kind), kind).toBe('')
})
