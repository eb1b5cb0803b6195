import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { runNode } from '../support/child.ts'
import { caddy } from './programs/caddy.ts'
import { isWell, measure } from './report/measure.ts'
import { asJson, asText } from './report/table.ts'
import { describeProgram } from './support/describe.ts'
import type { Program } from './support/program.ts'

const main = fileURLToPath(new URL('report/main.ts', import.meta.url))
const traffic = { conversations: 12, turns: 3 }

// Caddy alone, which starts fastest: that the report is right, and not what it says of each.
describeProgram(caddy, () => {
  it('says of a gateway that pins all that there is to say, in one line', async () => {
    const { code, stdout, stderr } = await runNode(
      [main, '--only', 'caddy', '--conversations', '12', '--turns', '3', '--json'],
      { timeout: 60_000 },
    )
    expect({ code, lines: stdout.trimEnd().split('\n').length }, stderr).toEqual({ code: 0, lines: 1 })
    const { gateways } = JSON.parse(stdout)
    expect(gateways).toHaveLength(1)
    const [{ backendsUsed, cachedShare, possibleShare, unstampedCachedShare, sideCalls, ...rest }] = gateways
    expect(rest).toEqual({
      name: 'caddy',
      version: caddy.version,
      conversations: 12,
      backendsPerConversation: { mean: 1, max: 1 },
      outcomes: { hit: 24, miss: 0, repin: 0, moved: 0, disabled: 0, unknown: 12 },
      errors: 0,
    })
    expect(backendsUsed).toBeGreaterThan(1)
    expect(possibleShare).toBeGreaterThan(0.7)
    expect(cachedShare).toBe(possibleShare)
    expect(unstampedCachedShare).toBeLessThan(possibleShare - 0.1)
    expect(Object.keys(sideCalls)).toEqual(['A', 'B', 'C'])
    expect(sideCalls.A + sideCalls.B + sideCalls.C).toBe(24)
    expect(stderr).toContain('Caddy: 120 of 120 calls')
  })

  it('says so of one that does not pin', async () => {
    const found = [await measure(edited('lb_policy header X-Session-Id', 'lb_policy random'), traffic, () => {})]
    const [one] = JSON.parse(asJson(found)).gateways
    expect(one.backendsPerConversation.max).toBeGreaterThan(1)
    expect(one.backendsPerConversation.mean).toBeGreaterThan(1)
    expect(one.cachedShare).toBeLessThan(one.possibleShare - 0.1)
    expect(one.outcomes.moved).toBeGreaterThan(0)
    expect(asText(found)).toContain('0 of 1 kept every conversation on one backend')
    expect(asText(found)).not.toContain('Unstamped, so did')
    expect(isWell(found), 'to be measured is all that is asked of it').toBe(true)
  })

  it('says so of one that has all in one place, keys or none', async () => {
    const found = [await measure(edited('lb_policy header X-Session-Id', 'lb_policy first'), traffic, () => {})]
    const [one] = JSON.parse(asJson(found)).gateways
    expect(one).toMatchObject({ backendsUsed: 1, sideCalls: { A: 24, B: 0, C: 0 } })
    expect(one.unstampedCachedShare).toBe(one.cachedShare)
    expect(asText(found)).toContain('1 of 1 kept every conversation on one backend')
    expect(asText(found)).toContain('Unstamped, so did: Caddy.')
  })

  it('says what the first of its errors was, of one that fails some calls', async () => {
    const refusing = edited('reverse_proxy', 'respond /v1/messages 400\nreverse_proxy')
    const found = [await measure(refusing, traffic, () => {})]
    const [one] = JSON.parse(asJson(found)).gateways
    expect(one).toMatchObject({ conversations: 6, backendsPerConversation: { max: 1 }, errors: 12 })
    expect(one.failure).toMatch(/^calls that failed: 12, the first with Anthropic.*: .*400/)
    expect(asText(found)).toContain(one.failure)
    expect(asText(found)).toContain('0 of 1 kept every conversation on one backend')
    expect(isWell(found)).toBe(false)
  })

  it('says why one could not be started, and goes on', async () => {
    const broken: Program = { ...caddy, start: () => Promise.reject(new Error('no\nport')) }
    const found = [await measure(broken, traffic, () => {})]
    expect(JSON.parse(asJson(found))).toEqual({
      gateways: [{ name: 'caddy', version: caddy.version, failure: 'no port' }],
    })
    expect(asText(found)).toContain(`Caddy ${caddy.version}: no port`)
    expect(isWell(found)).toBe(false)
  })
})

it.each([
  ['--only', 'nobody'],
  ['--turns', '0'],
])('takes %s %s for a mistake', async (...args) => {
  const { code, stdout, stderr } = await runNode([main, ...args])
  expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(args[0])
})

function edited(text: string, by: string): Program {
  return { ...caddy, start: (backends) => caddy.start(backends, { edit: (config) => config.replace(text, by) }) }
}
