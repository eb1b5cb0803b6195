import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Batch, type Found, VERSIONS } from './stacks/batch.ts'
import { KINDS } from './stacks/judge.ts'
import { report } from './stacks/report.ts'
import { Servers } from './stacks/servers.ts'
import { themes } from './stacks/themes.ts'

// STACKS_SEED plays other stacks and calls, STACKS_COUNT more or fewer of them, and STACKS_REPLAY one, as a failure prints it.
const { STACKS_SEED: SEED = '1', STACKS_COUNT = '22', STACKS_REPLAY: REPLAY } = process.env
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
    '$title: keys reach named origins only, each is of its own session, and nothing else changes',
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

it.runIf(REPLAY === undefined && COUNT >= 22)('the generated stacks were called at least 10,000 times', () => {
  expect(played).toBeGreaterThanOrEqual(CALLS_AT_LEAST)
})

it.runIf(REPLAY !== undefined)('the stack of STACKS_REPLAY is sound', async () => {
  const batch = new Batch(servers, REPLAY ?? '')
  const found = await batch.play()
  console.log(batch.transcript())
  for (const kind of KINDS) expect.soft(report(found, kind), kind).toBe('')
})
