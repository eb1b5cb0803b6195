import {
  type ArmEvidence,
  type Evidence,
  EXIT_CODES,
  type Figures,
  type Findings,
  type Judgement,
  judge,
} from 'llm-affinity-doctor'
import { describe, expect, it } from 'vitest'
import { gateways } from '../../packages/llm-affinity/src/gateways/table.ts'

const gateway = (name: string) => gateways.get(name) ?? { name, headers: [] }
const of24 = (count: number) => ({ count, total: 24 })

/** Six conversations of five turns. */
function figures(more: Partial<Figures> = {}): Figures {
  return { calls: 30, failed: 0, conversations: 6, ...more }
}

function arm(count: number, chance: number | undefined, more: Partial<ArmEvidence> = {}): ArmEvidence {
  const moves = Array.from({ length: 24 - count }, (_, index) => ({ conversation: index, turn: 2, stayed: false }))
  return {
    stayed: of24(count),
    settled: { count: Math.round(count * 0.75), total: 18 },
    moves,
    ...(chance !== undefined && { chance: { expected: 0.4, p: chance }, backends: 2, largestShare: 0.6 }),
    ...more,
  }
}

const kept = arm(24, 0.0002)
const spread = arm(11, 0.4)
const byName = (affinity: ArmEvidence, control: ArmEvidence, pHigher: number): Partial<Findings> => ({
  names: { by: 'backend', affinity, control, pHigher, pSettledHigher: pHigher },
})
const keptOnly = byName(kept, spread, 0.001)
const bothKept = byName(kept, kept, 1)
const bothSpread = byName(spread, spread, 0.5)
const two = { a: 14, b: 16 }

function findings(more: Partial<Findings> = {}): Findings {
  return {
    figures: { affinity: figures({ backends: two }), control: figures({ backends: two }) },
    identifier: { by: 'x-backend', trust: 'named', agreement: 'open' },
    gateway: gateway('generic'),
    carriers: ['x-session-id', 'x-litellm-session-id'],
    faults: [],
    rateLimited: 0,
    invalidCachedTokens: false,
    echoedIn: [],
    issuedTokens: [],
    learned: [],
    longPauses: new Map(),
    target: { baseUrl: 'http://gateway:4000/v1', model: 'm', budget: 200_000 },
    canPlayMore: false,
    probes: {},
    ...more,
  }
}

const text = ({ why, next }: Judgement): string => [...why, ...next].join('\n')
const tried = { names: { tried: 20 } }

describe('by the names of backends', () => {
  it('is not reported after few turns if one of them moved, as it would if calls spill over', () => {
    const few = arm(24, 0.0002, { stayed: { count: 17, total: 18 }, settled: { count: 11, total: 12 } })
    const short = findings({ ...byName(few, spread, 0.002), canPlayMore: true })
    expect(judge(short)).toMatchObject({ verdict: 'unknown', nextProbe: 'more' })
    expect(judge({ ...short, canPlayMore: false })).toMatchObject({ verdict: 'unknown' })
    const more = arm(24, 0.0002, { stayed: { count: 35, total: 36 }, settled: { count: 23, total: 24 } })
    expect(judge(findings(byName(more, spread, 0.002)))).toMatchObject({ verdict: 'sticky' })
    const late = arm(24, 0.0002, { stayed: { count: 21, total: 24 }, settled: { count: 17, total: 18 } })
    expect(judge(findings(byName(late, spread, 0.002)))).toMatchObject({ verdict: 'unknown' })
    const fromSecond = arm(24, 0.0002, { stayed: { count: 17, total: 18 }, settled: { count: 12, total: 12 } })
    expect(judge(findings(byName(fromSecond, spread, 0.002)))).toMatchObject({ verdict: 'sticky' })
  })

  it('is sticky when conversations stay with the key and move without it', () => {
    const judgement = judge(findings(keptOnly))
    expect(judgement).toMatchObject({ verdict: 'sticky', next: [] })
    expect(judgement).not.toHaveProperty('nextProbe')
    expect(text(judgement)).toContain('With the key, 24 of 24 later turns')
    expect(text(judgement)).toContain('without it, 11 of 24')
    expect(text(judgement)).toContain('a result at least as good for the key would appear in 0.1 % of all runs.')
    expect(text(judgement)).toMatch(/about \d+ % of the turns with the key would stay on the same backend/)
  })

  it.each([
    ['a gateway of the table', gateway('litellm'), "{ gateway: 'litellm' }"],
    ['a header that only Olla reads', { name: 'yours', headers: ['x-olla-session-id'] }, "{ gateway: 'olla' }"],
    [
      'other headers',
      { name: 'yours', headers: ['x-one', 'x-two'] },
      "{ gateway: { name: 'ours', headers: ['x-one', 'x-two'] } }",
    ],
  ])('prints what to write in the code for %s', (_, named, options) => {
    const line = `In your code, send the key as this run did: \`withAffinity(client, ${options})\`.`
    expect(judge(findings({ ...keptOnly, gateway: named })).next).toContain(line)
    expect(judge(findings({ ...bothSpread, gateway: named, probes: tried })).next).toContain(line)
    const mostly = arm(18, 0.0004, { settled: { count: 13, total: 18 } })
    expect(judge(findings({ ...byName(mostly, spread, 0.004), gateway: named })).next).toContain(line)
  })

  it('prints no option that a client needs not, because the gateway is recognised by its host', () => {
    const target = { baseUrl: 'https://openrouter.ai/api/v1', model: 'm', budget: 200_000 }
    expect(judge(findings({ ...keptOnly, gateway: gateway('openrouter'), target })).next).toEqual([])
    expect(judge(findings({ ...keptOnly, gateway: gateway('openrouter') })).next).toHaveLength(1)
  })

  it('is sticky when a backend died and moved its conversations once', () => {
    const faults = [{ kind: 'broken', status: 502, message: 'Bad Gateway' } as const]
    const judgement = judge(
      findings({
        ...byName(arm(23, 0.0002), spread, 0.001),
        figures: { affinity: figures({ backends: two, failed: 1 }), control: figures({ backends: two }) },
        faults,
      }),
    )
    expect(judgement.verdict).toBe('sticky')
    expect(text(judgement)).toContain('1 of 60 calls failed: 502 Bad Gateway.')
  })

  it('is sticky when the pin begins with the second turn, and says so', () => {
    const late = arm(20, 0.0002, { settled: { count: 18, total: 18 } })
    const judgement = judge(findings(byName(late, spread, 0.001)))
    expect(judgement.verdict).toBe('sticky')
    expect(text(judgement)).toContain('The pin begins with the second turn')
  })

  it('is partly sticky when conversations stay more often than by chance, but not always', () => {
    const mostly = arm(18, 0.0004, { settled: { count: 13, total: 18 } })
    const judgement = judge(findings(byName(mostly, spread, 0.004)))
    expect(judgement.verdict).toBe('partly-sticky')
    expect(text(judgement)).toMatch(/6 of 24 turns moved, in 6 conversations, nearly all of them at turn 2/)
  })

  it('asks for more conversations when chance cannot be excluded, and is unknown without them', () => {
    const maybe = arm(15, 0.03)
    const between = byName(maybe, spread, 0.08)
    expect(judge(findings({ ...between, canPlayMore: true }))).toMatchObject({ verdict: 'unknown', nextProbe: 'more' })
    const judgement = judge(findings(between))
    expect(judgement.verdict).toBe('unknown')
    expect(judgement).not.toHaveProperty('nextProbe')
    expect(text(judgement)).toContain('--conversations 20')
  })

  it('is unknown when nearly all calls go to one backend anyway', () => {
    const skewed = arm(24, 1, { largestShare: 0.97, chance: { expected: 0.95, p: 1 } })
    const judgement = judge(findings(byName(skewed, skewed, 1)))
    expect(judgement.verdict).toBe('unknown')
    expect(text(judgement)).toContain('One backend answered 97 % of the calls without a key')
    const moves = arm(22, 0.6, { chance: { expected: 0.94, p: 0.6 } })
    expect(judge(findings(byName(moves, skewed, 0.9))).verdict).toBe('unknown')
  })

  it('probes other header names before it is not sticky, and then names the header that was sent', () => {
    expect(judge(findings(bothSpread))).toMatchObject({ verdict: 'not-sticky', nextProbe: 'names' })
    const judgement = judge(findings({ ...bothSpread, probes: tried }))
    expect(judgement).not.toHaveProperty('nextProbe')
    expect(text(judgement)).toMatch(/None of 20 other header names.*hash the header `x-session-id`.*--echo/s)
    expect(text(judgement)).toContain('--base-url http://gateway:4000/v1 --model m --echo')
    expect(judgement.next).toContain('If the gateway reads another header, run the doctor with `--header NAME`.')
  })

  it('names the header that pins, and the option to write', () => {
    const probes = { names: { tried: 20, found: 'x-conversation-id' } }
    const judgement = judge(findings({ ...bothSpread, probes }))
    expect(judgement.verdict).toBe('wrong-name')
    expect(text(judgement)).toContain("gateway: { name: 'ours', headers: ['x-conversation-id'] }")
    const known = judge(findings({ ...bothSpread, probes: { names: { tried: 20, found: 'x-olla-session-id' } } }))
    expect(text(known)).toContain("`gateway: 'olla'`")
  })

  it('lists the headers that may pin where the budget did not suffice for one', () => {
    const judgement = judge(findings({ ...bothSpread, probes: { names: { tried: 20, among: ['x-one', 'x-two'] } } }))
    expect(judgement.verdict).toBe('wrong-name')
    expect(text(judgement)).toMatch(/with one of these headers, .*: `x-one`, `x-two`\..*--budget/s)
  })

  it('reports a lost key when the same name pins without underscores', () => {
    const own = { gateway: { name: 'yours', headers: ['session_id'] }, carriers: ['session_id'] }
    const probes = { names: { tried: 20, found: 'session-id' } }
    const judgement = judge(findings({ ...bothSpread, ...own, probes }))
    expect(judgement.verdict).toBe('key-lost')
    expect(text(judgement)).toContain('underscores_in_headers on;')
  })

  it('reports that affinity is off, or the key lost, at a gateway that was recognised', () => {
    const litellm = { gateway: gateway('litellm'), recognised: 'litellm', carriers: ['x-litellm-session-id'] }
    const judgement = judge(findings({ ...bothSpread, ...litellm }))
    expect(judgement.verdict).toBe('affinity-off')
    expect(text(judgement)).toContain('`optional_pre_call_checks: ["session_affinity"]` to `router_settings:`')
    const behind = judge(findings({ ...bothSpread, ...litellm, otherHop: 'nginx' }))
    expect(text(behind)).toMatch(/Another server is on the way \(nginx\).*see whether nginx drops the header/s)
  })

  it('reports a lost key when the gateway says that it received none', () => {
    const olla = { gateway: gateway('olla'), recognised: 'olla', carriers: ['x-olla-session-id'] }
    const disabled = figures({ backends: two, pinOutcomes: { disabled: 30 } })
    const control = figures({ backends: two })
    expect(judge(findings({ ...bothSpread, ...olla, figures: { affinity: disabled, control } })).verdict).toBe(
      'key-lost',
    )
    const bySource = figures({ backends: two, pinSources: { auth_header: 30 } })
    const both = { affinity: bySource, control: bySource }
    expect(judge(findings({ ...bothSpread, ...olla, figures: both })).verdict).toBe('key-lost')
  })

  it('reports cookies that were set and headers that returned the key, with what to do', () => {
    const more = { issuedTokens: ['cookie lb'], echoedIn: ['x-session-id'], probes: tried }
    const judgement = judge(findings({ ...bothSpread, ...more }))
    expect(text(judgement)).toMatch(/The gateway returned the key in `x-session-id`.*Answers set `cookie lb`/s)
    expect(text(judgement)).toContain('Run the doctor with --learn')
    expect(text(judgement)).not.toContain('--echo')
  })
})

describe('when both arms stay', () => {
  it('probes the key, and decides by that', () => {
    expect(judge(findings(bothKept))).toMatchObject({ verdict: 'unknown', nextProbe: 'key' })
    const pins = judge(findings({ ...bothKept, probes: { key: { pins: true, backends: 2 } } }))
    expect(pins.verdict).toBe('sticky')
    const ignored = judge(findings({ ...bothKept, probes: { key: { pins: false, backends: 2 } } }))
    expect(ignored.verdict).toBe('sticky-without-key')
    expect(ignored).not.toHaveProperty('nextProbe')
  })

  it('decides by the source of the pin that the gateway reports', () => {
    const affinity = figures({ backends: two, pinSources: { session_header: 30 } })
    const control = figures({ backends: two, pinSources: { prefix_hash: 30 } })
    const judgement = judge(findings({ ...bothKept, figures: { affinity, control } }))
    expect(judgement.verdict).toBe('sticky')
    expect(text(judgement)).toContain('session_header with the key, and by prefix_hash without it')
  })

  it('does not take the presence of a key for a pin when all keys reach one backend', () => {
    const one = arm(24, 1, { backends: 1, largestShare: 1 })
    const evidence = byName(one, spread, 0.001)
    expect(judge(findings(evidence))).toMatchObject({ verdict: 'unknown', nextProbe: 'key' })
    const probed = judge(findings({ ...evidence, probes: { key: { pins: false, backends: 1 } } }))
    expect(probed.verdict).toBe('unknown')
    expect(text(probed)).toContain('whatever the key')
    expect(judge(findings({ ...evidence, probes: { key: { pins: true, backends: 2 } } })).verdict).toBe('sticky')
  })
})

describe('when all answers have one name', () => {
  const one = arm(24, 1, { backends: 1, largestShare: 1 })
  const same = { affinity: figures({ backends: { a: 30 } }), control: figures({ backends: { a: 30 } }) }
  const constant = { ...byName(one, one, 1), figures: same }

  it('probes other addresses and credentials', () => {
    expect(judge(findings(constant))).toMatchObject({ verdict: 'unknown', nextProbe: 'client' })
    for (const pin of ['address', 'credential'] as const) {
      const judgement = judge(findings({ ...constant, probes: { client: { [pin]: true, backends: 3 } } }))
      expect(judgement.verdict).toBe('sticky-without-key')
    }
  })

  it('is a single backend only where the caches agree', () => {
    const client = { address: false, backends: 1 }
    const alone = judge(findings({ ...constant, probes: { client } }))
    expect(alone.verdict).toBe('unknown')
    expect(text(alone)).toContain('One name in all answers does not prove that there is one backend')
    const agreed = judge(findings({ ...constant, probes: { client }, foundAny: { count: 48, total: 48 } }))
    expect(agreed.verdict).toBe('single-backend')
    expect(text(agreed)).toMatch(
      /from other addresses reached the same backend.*A pin by this API key would look the same/s,
    )
  })

  it('is not a single backend where a probe reached another one', () => {
    const client = { address: false, credential: false, backends: 2 }
    const judgement = judge(findings({ ...constant, probes: { client }, foundAny: { count: 48, total: 48 } }))
    expect(judgement.verdict).toBe('unknown')
    expect(text(judgement)).toContain('reached several backends')
  })
})

describe('by the caches', () => {
  const { identifier: _, ...nameless } = findings()
  const byCache = (affinity: number, control: number, pHigher: number): Evidence => ({
    by: 'cache',
    affinity: arm(affinity, undefined),
    control: arm(control, undefined),
    pHigher,
    pSettledHigher: pHigher,
  })

  it.each([
    ['sticky', byCache(24, 9, 0.001)],
    ['partly-sticky', byCache(17, 8, 0.0008)],
    ['unknown', byCache(17, 8, 0.004)],
    ['not-sticky', byCache(9, 9, 0.6)],
    ['unknown', byCache(24, 24, 1)],
    ['unknown', byCache(15, 9, 0.06)],
  ])('is %s', (verdict, caches) => {
    const judgement = judge({ ...nameless, caches, lineages: 2, probes: tried })
    expect(judgement.verdict).toBe(verdict)
    expect(text(judgement)).toContain('`cached_tokens` show')
    expect(text(judgement)).toContain('up to 2 caches')
  })

  it('says that both arms are equally high', () => {
    expect(text(judge({ ...nameless, caches: byCache(24, 24, 1) }))).toContain('Both arms are equally high')
  })

  it('overrules names that show something else', () => {
    const caches = byCache(24, 9, 0.001)
    expect(judge(findings({ ...bothSpread, caches })).verdict).toBe('sticky')
    const guessed = { identifier: { by: 'x-zone', trust: 'guessed', agreement: 'open' } as const }
    expect(judge(findings({ ...keptOnly, ...guessed, caches: byCache(9, 9, 0.6), probes: tried })).verdict).toBe(
      'not-sticky',
    )
  })

  it('is unknown where a known name and the caches contradict each other', () => {
    const identifier = { by: 'x-olla-endpoint', trust: 'known', agreement: 'contradicts' } as const
    const judgement = judge(findings({ ...keptOnly, identifier, caches: byCache(9, 9, 0.6) }))
    expect(judgement.verdict).toBe('unknown')
    expect(text(judgement)).toContain('contradict each other')
  })
})

describe('without enough evidence', () => {
  const { identifier: _, ...nameless } = findings()

  it('is unknown when a guessed name moves, and says how to name it', () => {
    const guessed = { identifier: { by: 'x-zone', trust: 'guessed', agreement: 'open' } as const }
    const judgement = judge(findings({ ...bothSpread, ...guessed }))
    expect(judgement.verdict).toBe('unknown')
    expect(text(judgement)).toContain('--backend-header x-zone')
  })

  it('is unknown without names and caches, and never reports a share of nothing', () => {
    const judgement = judge({ ...nameless, figures: { affinity: figures(), control: figures() } })
    expect(judgement.verdict).toBe('unknown')
    expect(text(judgement)).not.toMatch(/\b0 %|\b0 of/)
    expect(text(judgement)).toMatch(/x-backend.*--enable-prompt-tokens-details/s)
  })

  it('says when the cache counts in blocks that are too large', () => {
    const judgement = judge({ ...nameless, cacheProblem: 'too-coarse' })
    expect(judgement.verdict).toBe('unknown')
    expect(text(judgement)).toMatch(/large blocks.*--budget/s)
  })

  it.each([
    ['budget', 'the token budget was used up', '--budget'],
    ['time', 'the time was used up', '--conversations 3'],
  ] as const)('is unknown when the %s was used up', (stoppedBy, why, next) => {
    const judgement = judge(findings({ stoppedBy }))
    expect(judgement.verdict).toBe('unknown')
    expect(text(judgement)).toContain(why)
    expect(text(judgement)).toContain(next)
  })

  it('is unhealthy when more than a tenth of an arm fails', () => {
    const faults = Array.from({ length: 5 }, () => ({ kind: 'broken', status: 502, message: 'no upstream' }) as const)
    const failing = { affinity: figures({ backends: two, failed: 5 }), control: figures({ backends: two }) }
    const judgement = judge(findings({ ...keptOnly, figures: failing, faults }))
    expect(judgement.verdict).toBe('unhealthy')
    expect(judgement.sentence).toBe('8 % of all calls failed: too many to judge.')
    expect(text(judgement)).not.toContain('--model')
    expect(text(judgement)).toContain('5 × failed at the gateway or behind it (502): no upstream')
  })
})

it('reports rate limits that were waited for', () => {
  expect(text(judge(findings({ ...keptOnly, rateLimited: 7 })))).toContain('7 answers were a 429')
})

it('names the model first when all calls failed, unless the gateway lists it', () => {
  const faults = [{ kind: 'broken', status: 502, message: 'no upstream' } as const]
  const affinity = figures({ calls: 0, conversations: 0 })
  const control = figures({ calls: 1, failed: 1, conversations: 1 })
  const failed = findings({ figures: { affinity, control }, faults })
  const judgement = judge(failed)
  expect(judgement).toMatchObject({ verdict: 'unhealthy', sentence: 'All calls failed.' })
  expect(judgement.next[0]).toMatch(/^Check --model first/)
  expect(text(judge({ ...failed, isModelListed: true }))).not.toContain('--model')
})

it('has an exit code for each verdict: 0 stays, 1 does not always, 2 cannot be told', () => {
  expect(Object.entries(EXIT_CODES).toSorted()).toEqual([
    ['affinity-off', 1],
    ['key-lost', 1],
    ['not-sticky', 1],
    ['partly-sticky', 1],
    ['single-backend', 2],
    ['sticky', 0],
    ['sticky-without-key', 0],
    ['unhealthy', 2],
    ['unknown', 2],
    ['wrong-name', 1],
  ])
})
