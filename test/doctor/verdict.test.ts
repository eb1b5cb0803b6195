import { EXIT_CODES, type Figures, type Findings, type Judgement, judge } from 'llm-affinity-doctor'
import { describe, expect, it } from 'vitest'
import { gateways } from '../../packages/llm-affinity/src/gateways/table.ts'

const row = (name: string) => gateways.get(name) ?? { name, headers: [] }
const of24 = (count: number) => ({ count, total: 24 })

/** Six conversations of five turns. */
function arm(more: Partial<Figures> = {}): Figures {
  return { calls: 30, failed: 0, conversations: 6, ...more }
}

const kept = arm({ backends: { a: 10, b: 20 }, sameBackend: of24(24) })
const spread = arm({ backends: { a: 14, b: 16 }, sameBackend: of24(11) })

function findings(affinity: Figures, control: Figures, more: Partial<Findings> = {}): Findings {
  return {
    figures: { affinity, control },
    identifier: { by: 'x-backend', isSure: true },
    gateway: row('generic'),
    carriers: ['x-session-id', 'x-litellm-session-id'],
    faults: [],
    invalidCachedTokens: false,
    echoedIn: [],
    issuedTokens: [],
    probes: {},
    ...more,
  }
}

const all = ({ why, next }: Judgement): string => [...why, ...next].join('\n')

describe('by the names of backends', () => {
  it('sticky: kept with the key, and not without', () => {
    const judgement = judge(findings(kept, spread))
    expect(judgement).toMatchObject({ verdict: 'sticky', next: [] })
    expect(judgement).not.toHaveProperty('nextProbe')
    expect(all(judgement)).toContain('With the key, 24 of 24 later turns')
    expect(all(judgement)).toContain('without it, 11 of 24')
  })

  it('sticky: also when a backend died and its conversations moved once', () => {
    const moved = arm({ backends: { a: 10, b: 20 }, sameBackend: of24(23), failed: 1 })
    const faults = [{ kind: 'broken', status: 502, message: 'Bad Gateway' } as const]
    const judgement = judge(findings(moved, spread, { faults }))
    expect(judgement.verdict).toBe('sticky')
    expect(all(judgement)).toContain('1 of 60 calls failed: 502 Bad Gateway.')
  })

  it('not sticky: kept more often, and not enough', () => {
    const mostly = arm({ backends: { a: 14, b: 16 }, sameBackend: of24(20) })
    expect(judge(findings(mostly, spread, { probes: { names: { tried: 20 } } })).verdict).toBe('not-sticky')
  })

  it('not sticky: other names are asked for first, and the header that is sent is named', () => {
    expect(judge(findings(spread, spread))).toMatchObject({ verdict: 'not-sticky', nextProbe: 'names' })
    const judgement = judge(findings(spread, spread, { probes: { names: { tried: 20 } } }))
    expect(judgement).not.toHaveProperty('nextProbe')
    expect(all(judgement)).toMatch(/None of 20 other header names.*hash the header `x-session-id`.*--echo/s)
  })

  it('wrong name: it says which, and what to write', () => {
    const probes = { names: { tried: 20, found: 'x-conversation-id' } }
    const judgement = judge(findings(spread, spread, { probes }))
    expect(judgement.verdict).toBe('wrong-name')
    expect(all(judgement)).toContain("gateway: { name: 'ours', headers: ['x-conversation-id'] }")
  })

  it('wrong name: which one was not found out for want of budget', () => {
    const probes = { names: { tried: 20, among: ['x-one', 'x-two'] } }
    const judgement = judge(findings(spread, spread, { probes }))
    expect(judgement.verdict).toBe('wrong-name')
    expect(all(judgement)).toMatch(/with one of these headers, .*: `x-one`, `x-two`\..*--budget/s)
  })

  it('wrong name: a known gateway by its name', () => {
    const probes = { names: { tried: 20, found: 'x-olla-session-id' } }
    expect(all(judge(findings(spread, spread, { probes })))).toContain("`gateway: 'olla'`")
  })

  it('key lost: the same name pins when it is spelt without underscores', () => {
    const own = { gateway: { name: 'yours', headers: ['session_id'] }, carriers: ['session_id'] }
    const judgement = judge(findings(spread, spread, { ...own, probes: { names: { tried: 20, found: 'session-id' } } }))
    expect(judgement.verdict).toBe('key-lost')
    expect(all(judgement)).toContain('underscores_in_headers on;')
  })

  it('affinity off: its own headers tell which it is, and it was sent what it reads', () => {
    const judgement = judge(
      findings(spread, spread, { gateway: row('litellm'), recognised: 'litellm', carriers: ['x-litellm-session-id'] }),
    )
    expect(judgement.verdict).toBe('affinity-off')
    expect(all(judgement)).toContain('`optional_pre_call_checks: ["session_affinity"]` to `router_settings:`')
  })

  it('key lost: it says so itself', () => {
    const told = arm({ ...spread, pinOutcomes: { disabled: 30 } })
    const olla = { gateway: row('olla'), recognised: 'olla', carriers: ['x-olla-session-id'] }
    expect(judge(findings(told, spread, olla)).verdict).toBe('key-lost')
    const bySource = arm({ ...spread, pinSources: { auth_header: 30 } })
    expect(judge(findings(bySource, bySource, olla)).verdict).toBe('key-lost')
  })

  it('what was handed out, and what came back, is said', () => {
    const judgement = judge(findings(spread, spread, { issuedTokens: ['cookie lb'], echoedIn: ['x-session-id'] }))
    expect(all(judgement)).toMatch(/The gateway returned the key in `x-session-id`.*Answers set `cookie lb`/s)
    expect(all(judgement)).not.toContain('--echo')
  })
})

describe('both arms stay', () => {
  it('is asked whether the key is heeded, and decided by that', () => {
    expect(judge(findings(kept, kept))).toMatchObject({ verdict: 'sticky-without-key', nextProbe: 'key' })
    expect(judge(findings(kept, kept, { probes: { key: { heeded: true } } })).verdict).toBe('sticky')
    const ignored = judge(findings(kept, kept, { probes: { key: { heeded: false } } }))
    expect(ignored.verdict).toBe('sticky-without-key')
    expect(ignored).not.toHaveProperty('nextProbe')
  })

  it('is decided by what the gateway says that it took the key from', () => {
    const [withKey, without] = [
      arm({ ...kept, pinSources: { session_header: 30 } }),
      arm({ ...kept, pinSources: { prefix_hash: 30 } }),
    ]
    const judgement = judge(findings(withKey, without))
    expect(judgement.verdict).toBe('sticky')
    expect(all(judgement)).toContain('session_header with the key, and by prefix_hash without it')
  })

  it('on one backend: asks for other addresses, and says what would look the same', () => {
    const one = arm({ backends: { a: 30 }, sameBackend: of24(24) })
    expect(judge(findings(one, one))).toMatchObject({ verdict: 'single-backend', nextProbe: 'origin' })
    const tried = judge(findings(one, one, { probes: { origin: { address: false } } }))
    expect(tried.verdict).toBe('single-backend')
    expect(all(tried)).toMatch(
      /from other addresses reached the same backend.*A pin by this API key would look the same/s,
    )
    expect(judge(findings(one, one, { probes: { origin: { address: true } } })).verdict).toBe('sticky-without-key')
    expect(judge(findings(one, one, { probes: { origin: { credential: true } } })).verdict).toBe('sticky-without-key')
  })
})

describe('by what caches know', () => {
  const nameless = { identifier: undefined } as unknown as Partial<Findings>
  const found = arm({ foundCache: of24(24), cachedShare: 0.87, lineages: 1 })
  const lost = arm({ foundCache: of24(9), cachedShare: 0.4, lineages: 2 })

  it.each([
    ['sticky', found, lost],
    ['not-sticky', lost, lost],
    ['sticky-without-key', found, found],
  ])('%s', (verdict, affinity, control) => {
    const judgement = judge(findings(affinity, control, { ...nameless, probes: { names: { tried: 20 } } }))
    expect(judgement.verdict).toBe(verdict)
    expect(all(judgement)).toContain('`cached_tokens` show')
  })

  it('two lineages are two replicas', () => {
    expect(all(judge(findings(lost, lost, nameless)))).toContain('up to 2 different caches')
  })

  it('outweighs a name that cannot be the backend’s', () => {
    const [affinity, control] = [
      arm({ ...spread, ...found, ...{ backends: { gw1: 15, gw2: 15 }, sameBackend: of24(12) } }),
      lost,
    ]
    const judgement = judge(
      findings(affinity, arm({ ...control, backends: { gw1: 15, gw2: 15 }, sameBackend: of24(13) })),
    )
    expect(judgement.verdict).toBe('sticky')
    const one = { backends: { cdn: 30 }, sameBackend: of24(24) }
    expect(judge(findings(arm({ ...found, ...one }), arm({ ...lost, ...one }))).verdict).toBe('sticky')
  })
})

describe('what is not known', () => {
  it('is unknown, and never a share of nothing', () => {
    const nothing = { identifier: undefined } as unknown as Partial<Findings>
    const judgement = judge(findings(arm(), arm(), nothing))
    expect(judgement.verdict).toBe('unknown')
    expect(all(judgement)).not.toMatch(/\b0 %|\b0 of/)
    expect(all(judgement)).toMatch(/x-backend.*--enable-prompt-tokens-details/s)
  })

  it('is unknown when time or budget were used up too early', () => {
    const few = arm({ calls: 4, backends: { a: 2, b: 2 }, sameBackend: { count: 2, total: 2 } })
    const judgement = judge(findings(few, few, { stoppedBy: 'budget' }))
    expect(judgement.verdict).toBe('unknown')
    expect(all(judgement)).toMatch(/too few calls: the token budget was used up.*--budget/s)
  })

  it('is unhealthy when more than a tenth of an arm fails, whatever else is seen', () => {
    const faults = Array.from({ length: 5 }, () => ({ kind: 'broken', status: 502, message: 'no upstream' }) as const)
    const judgement = judge(findings(arm({ ...kept, failed: 5 }), spread, { faults }))
    expect(judgement.verdict).toBe('unhealthy')
    expect(judgement.sentence).toBe('8 % of all calls failed: too many to judge.')
    expect(all(judgement)).not.toContain('--model')
    expect(all(judgement)).toContain('5 × failed at the gateway or behind it (502): no upstream')
  })
})

it('names the model first where all calls have failed, unless the gateway lists it', () => {
  const faults = [{ kind: 'broken', status: 502, message: 'no upstream' } as const]
  const [none, one] = [arm({ calls: 0, conversations: 0 }), arm({ calls: 1, failed: 1, conversations: 1 })]
  const judgement = judge(findings(none, one, { faults }))
  expect(judgement).toMatchObject({ verdict: 'unhealthy', sentence: 'All calls failed.' })
  expect(judgement.next[0]).toMatch(/^Check --model first/)
  expect(all(judge(findings(none, one, { faults, isModelListed: true })))).not.toContain('--model')
})

it('has an exit code for each: 0 it stays, 1 it does not, 2 nobody can tell', () => {
  expect(Object.entries(EXIT_CODES).toSorted()).toEqual([
    ['affinity-off', 1],
    ['key-lost', 1],
    ['not-sticky', 1],
    ['single-backend', 2],
    ['sticky', 0],
    ['sticky-without-key', 0],
    ['unhealthy', 2],
    ['unknown', 2],
    ['wrong-name', 1],
  ])
})
