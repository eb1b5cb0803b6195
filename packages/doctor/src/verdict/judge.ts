import type { Share } from '../analysis/figures.js'
import type { Findings } from '../analysis/findings.js'
import { withAdvice } from './advice.js'
import * as say from './explanations.js'
import * as steps from './next-steps.js'
import type { Evidence, Judgement, Verdict } from './verdict.js'

/** Failures up to this share are told, and no more: a backend that dies costs a call or two. */
const MAX_FAILED_SHARE = 0.1
/** A backend that dies moves its conversations once. */
const STAY_SHARE = 0.95
/** Fewer turns than these say nothing. */
const MIN_STEPS = 4

/** Evidence of both arms -> what it means and what to do. Pure. */
export function judge(findings: Findings): Judgement {
  const { affinity, control } = findings.figures
  if ([affinity, control].some(({ failed, calls }) => failed > MAX_FAILED_SHARE * calls)) return unhealthy(findings)
  const seen = evidenceOf(findings)
  if (seen === undefined) return unknown(findings)
  const judgement = judgeEvidence(findings, seen)
  const why = [...judgement.why, ...say.besides(findings)]
  return { ...judgement, why, next: judgement.next.filter((line) => line !== '') }
}

/** By the backends' names, or where nobody says them, by what their caches know. */
export function evidenceOf({ figures: { affinity, control } }: Findings): Evidence | undefined {
  const named = evidenceFrom('backend', affinity.sameBackend, control.sameBackend)
  const cached = evidenceFrom('cache', affinity.foundCache, control.foundCache)
  if (named === undefined || cached === undefined) return named ?? cached
  // Where caches stay with the key and do not without, names that tell another story are names of something else: of a
  // hop before the backends, or of nobody.
  const isTold = stays(cached.affinity) && !stays(cached.control)
  return isTold && (!stays(named.affinity) || stays(named.control)) ? cached : named
}

function evidenceFrom(
  by: Evidence['by'],
  affinity: Share | undefined,
  control: Share | undefined,
): Evidence | undefined {
  const isEnough = (affinity?.total ?? 0) >= MIN_STEPS && (control?.total ?? 0) >= MIN_STEPS
  return isEnough && affinity && control ? { by, affinity, control } : undefined
}

function stays({ count: did, total: of }: Share): boolean {
  return did >= STAY_SHARE * of
}

function judgeEvidence(findings: Findings, seen: Evidence): Judgement {
  const { affinity, control } = findings.figures
  const places = new Set([affinity, control].flatMap(({ backends = {} }) => Object.keys(backends)))
  if (seen.by === 'backend' && places.size === 1) return judgeOneBackend(findings, [...places][0] ?? '')
  if (!stays(seen.affinity)) return judgeMoving(findings, seen)
  if (!stays(seen.control)) return sticky(findings, seen, say.kept(findings, seen))
  return judgeBothStay(findings, seen)
}

function sticky(findings: Findings, seen: Evidence, why: readonly string[]): Judgement {
  return verdictOf('sticky', why, steps.whenSticky(findings, seen))
}

/** Both arms stay where they are: is it the key that keeps the one? */
function judgeBothStay(findings: Findings, seen: Evidence): Judgement {
  const { affinity, control } = findings.figures
  const why = say.kept(findings, seen)
  const [withKey, without] = sourcesOf(findings)
  if (withKey !== '' && withKey !== without) return sticky(findings, seen, [...why, say.sources(affinity, control)])
  const { key } = findings.probes
  if (key?.heeded) return sticky(findings, seen, [...why, say.keyHeeded])
  const judgement = verdictOf(
    'sticky-without-key',
    key === undefined ? why : [...why, say.keyIgnored],
    steps.whenWithoutKey(findings, seen),
  )
  return key === undefined && seen.by === 'backend' ? { ...judgement, nextProbe: 'key' } : judgement
}

/** What the gateway says that it took the key from, with a key and without. */
function sourcesOf({ figures: { affinity, control } }: Findings): readonly [string, string] {
  const named = (all: object | undefined): string => Object.keys(all ?? {}).join()
  return [named(affinity.pinSources), named(control.pinSources)]
}

function judgeOneBackend(findings: Findings, backend: string): Judgement {
  const { origin } = findings.probes
  const why = say.allOn(findings, backend)
  const pin = (['address', 'credential'] as const).find((name) => origin?.[name] === true)
  if (pin !== undefined) {
    return verdictOf('sticky-without-key', [...why, say.pinnedBy(pin)], steps.whenPinnedBy(pin, findings))
  }
  const judgement = verdictOf('single-backend', [...why, ...say.triedOrigins(origin)], steps.whenOnOne(origin))
  return origin === undefined ? { ...judgement, nextProbe: 'origin' } : judgement
}

/** The key does not keep conversations where they are. Why not? */
function judgeMoving(findings: Findings, seen: Evidence): Judgement {
  const { gateway: row, recognised, probes, carriers, figures } = findings
  const why = say.moved(findings, seen)
  const words = row.evidence?.outcomeValues ?? {}
  const said = Object.entries(figures.affinity.pinOutcomes ?? {})
  const disabled = said.filter(([word]) => Object.hasOwn(words, word) && words[word] === 'disabled')
  if (disabled.reduce((sum, [, times]) => sum + times, 0) > figures.affinity.calls / 2) {
    return verdictOf('key-lost', [...why, say.toldNoKey(findings)], steps.whenKeyLost(findings))
  }
  const [withKey, without] = sourcesOf(findings)
  if (withKey !== '' && withKey === without) {
    return verdictOf('key-lost', [...why, say.sources(figures.affinity, figures.control)], steps.whenKeyLost(findings))
  }
  const found = probes.names?.found
  if (found !== undefined) {
    const twin = carriers.find((name) => name !== found && name.replaceAll('_', '-') === found)
    return twin === undefined
      ? verdictOf('wrong-name', [...why, say.otherName(found, carriers)], steps.whenOtherName(found))
      : verdictOf('key-lost', [...why, say.twin(twin, found)], steps.whenTwin(twin, found))
  }
  const among = probes.names?.among
  if (among !== undefined) return verdictOf('wrong-name', [...why, say.oneOf(among, carriers)], steps.whenOneOf())
  // It is known which header this one reads, and that was sent.
  if (recognised === row.name) return judgeOff(recognised, [...why, say.knownAndOff(findings)])
  const judgement = verdictOf('not-sticky', [...why, ...say.noName(probes.names)], steps.whenNotSticky(findings))
  if (probes.names === undefined) return { ...judgement, nextProbe: 'names' }
  return recognised === undefined ? judgement : judgeOff(recognised, judgement.why)
}

function judgeOff(gateway: string, why: readonly string[]): Judgement {
  return verdictOf('affinity-off', why, withAdvice(gateway, [steps.orLost]))
}

function verdictOf(verdict: Verdict, why: readonly string[], next: readonly string[]): Judgement {
  return { verdict, sentence: say.SENTENCES[verdict], why, next }
}

function unhealthy(findings: Findings): Judgement {
  const sentence = say.howUnhealthy(findings)
  return { ...verdictOf('unhealthy', say.failures(findings), steps.whenUnhealthy(findings)), sentence }
}

function unknown(findings: Findings): Judgement {
  return verdictOf('unknown', [...say.nothingSeen(findings), ...say.besides(findings)], steps.whenUnknown(findings))
}
