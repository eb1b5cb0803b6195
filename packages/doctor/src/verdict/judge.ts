import type { Evidence } from '../analysis/evidence.js'
import type { Findings, Probes } from '../analysis/findings.js'
import { withAdvice } from './advice.js'
import * as explain from './explanations.js'
import * as steps from './next-steps.js'
import {
  follows,
  hasDoubtfulMove,
  isBeyondChance,
  isChance,
  isClose,
  isHeldByKey,
  isHeldByName,
  isHigher,
  isNearlyAll,
  isSame,
  isSurelyHigher,
  stays,
  staysOnlyWithKey,
  wouldMove,
} from './statistics.js'
import type { Judgement, Verdict } from './verdict.js'

/** Failures up to this share are reported and change nothing: a backend that dies costs a call or two. */
const MAX_FAILED_SHARE = 0.1

/** Judges what both arms have shown. Pure: the same findings give the same judgement. */
export function judge(findings: Findings): Judgement {
  const { affinity, control } = findings.figures
  if ([affinity, control].some(({ failed, calls }) => failed > MAX_FAILED_SHARE * calls)) return unhealthy(findings)
  const judgement = judgeEvidence(findings)
  const why = [...judgement.why, ...explain.remarks(findings)]
  return { ...judgement, why, next: judgement.next.filter((line) => line !== '') }
}

function judgeEvidence(findings: Findings): Judgement {
  const evidence = evidenceOf(findings)
  if (evidence === undefined) return unknown(findings)
  if (evidence === 'conflict') return open(findings, [explain.conflict(findings)], steps.whenNamesConflict(findings))
  if (evidence.by === 'cache') return judgeCaches(findings, evidence)
  const backends = namesOf(findings)
  return backends.length === 1 ? judgeOneBackend(findings, backends[0] ?? '') : judgeBackends(findings, evidence)
}

/** The evidence to judge by: names, unless the caches contradict them. */
export function evidenceOf(findings: Findings): Evidence | 'conflict' | undefined {
  const { names, caches, identifier } = findings
  if (names === undefined || caches === undefined) return names ?? caches
  // Caches that stay with the key and not without it prove a pin, so names that show something else name something else:
  // a hop before the backends, or nothing at all.
  if (isHeldByKey(caches) && !staysOnlyWithKey(names)) return caches
  // A value that only looks like a name proves less than caches do.
  if (isGuess(findings)) return caches
  if (identifier?.agreement !== 'contradicts') return names
  // A constant name may be that of several backends.
  if (names.affinity.backends === 1 && names.control.backends === 1) return caches
  return 'conflict'
}

function isGuess({ identifier }: Findings): boolean {
  return identifier?.trust === 'guessed' && identifier.agreement !== 'agrees'
}

function namesOf({ figures: { affinity, control } }: Findings): string[] {
  return [...new Set([affinity, control].flatMap(({ backends = {} }) => Object.keys(backends)))]
}

function judgeBackends(findings: Findings, evidence: Evidence): Judgement {
  const { affinity, control } = evidence
  if (stays(affinity)) {
    if (isHeldByName(evidence)) return judgePinned(findings, evidence)
    if (stays(control)) return judgeBothStay(findings, evidence)
    return askForMore(findings, explain.tooFewMoves(findings, evidence))
  }
  // A value that is only guessed to be a name, and changes, may be anything.
  if (isGuess(findings)) return open(findings, explain.guessMoves(findings, evidence), steps.whenGuessMoves(findings))
  return judgeMoves(findings, evidence)
}

/** Stays with the key, and not without it. */
function judgePinned(findings: Findings, evidence: Evidence): Judgement {
  const { key } = findings.probes
  const why = explain.kept(findings, evidence)
  if (follows(evidence.affinity)) return sticky(findings, evidence, why)
  // All conversations with a key were on one backend: is it the key, or is it its presence?
  if (key === undefined) return ask('key', open(findings, [...why, explain.oneForAllKeys(evidence)], []))
  if (key.pins && !isGuess(findings)) return sticky(findings, evidence, [...why, explain.keyPins])
  return open(findings, [...why, explain.oneForAllKeys(evidence)], steps.whenOneForAllKeys())
}

/** Both arms stay: is it the key that pins the one? */
function judgeBothStay(findings: Findings, evidence: Evidence): Judgement {
  const { affinity, control } = findings.figures
  const why = explain.kept(findings, evidence)
  const [withKey, without] = sourcesOf(findings)
  if (withKey !== '' && withKey !== without && follows(evidence.affinity)) {
    return sticky(findings, evidence, [...why, explain.sources(affinity, control)])
  }
  if (!follows(evidence.affinity)) return askForMore(findings, explain.tooFewMoves(findings, evidence))
  const { key } = findings.probes
  if (key === undefined) return ask('key', open(findings, why, []))
  if (key.pins) return sticky(findings, evidence, [...why, explain.keyPinsToo])
  if (!isGuess(findings) && follows(evidence.control)) {
    return verdictOf('sticky-without-key', [...why, explain.keyDoesNotPin(key)], steps.whenWithoutKey(findings))
  }
  return askForMore(findings, [...why, explain.keyDoesNotPin(key)])
}

/** Conversations move, by names or by caches. */
function judgeMoves(findings: Findings, evidence: Evidence): Judgement {
  const { affinity, control } = evidence
  const isNamed = evidence.by === 'backend'
  if (isNamed ? isHigher(evidence) && isBeyondChance(affinity) : isSurelyHigher(evidence)) {
    return verdictOf('partly-sticky', explain.partly(findings, evidence), steps.whenPartly(findings, evidence))
  }
  // Names show by themselves that chance decides; caches only by comparison with the other arm.
  const isAsWithout = isNamed
    ? (isChance(affinity) && !isHigher(evidence)) || (isBeyondChance(control) && isSame(evidence))
    : isSame(evidence) && isClose(evidence)
  if (isAsWithout && wouldMove(affinity)) return judgeMoving(findings, evidence)
  return askForMore(findings, explain.tooFewMoves(findings, evidence))
}

function judgeCaches(findings: Findings, evidence: Evidence): Judgement {
  const { affinity, control } = evidence
  const why = explain.kept(findings, evidence)
  if (stays(affinity)) {
    if (isHeldByKey(evidence)) return sticky(findings, evidence, why)
    if (stays(control)) return open(findings, [...why, explain.bothFound], steps.whenBothFound(findings))
    return askForMore(findings, explain.tooFewMoves(findings, evidence))
  }
  return judgeMoves(findings, evidence)
}

function judgeOneBackend(findings: Findings, backend: string): Judgement {
  const { client } = findings.probes
  const why = explain.allOn(findings, backend)
  const pin = (['address', 'credential'] as const).find((name) => client?.[name] === true)
  if (pin !== undefined) {
    return verdictOf('sticky-without-key', [...why, explain.pinnedBy(pin)], steps.whenPinnedBy(pin, findings))
  }
  const tried = [...why, ...explain.triedClients(client)]
  // The probes reached other backends, and not because of the client.
  if (client !== undefined && client.backends > 1) return open(findings, tried, steps.whenTooFew(findings))
  // One name in all answers proves one backend only where the caches agree.
  const agrees = findings.foundAny !== undefined && isNearlyAll(findings.foundAny)
  const judgement = agrees
    ? verdictOf('single-backend', tried, steps.whenOnOne(client))
    : open(findings, [...tried, explain.oneNameProvesLittle], steps.whenOneName(findings))
  return client === undefined ? ask('client', judgement) : judgement
}

/** The key does not keep conversations on a backend. Why not? */
function judgeMoving(findings: Findings, evidence: Evidence): Judgement {
  const { gateway, recognised, otherHop, probes, carriers, figures } = findings
  const why = explain.moved(findings, evidence)
  const outcomes = gateway.evidence?.outcomeValues ?? {}
  const reported = Object.entries(figures.affinity.pinOutcomes ?? {})
  const disabled = reported.filter(([value]) => Object.hasOwn(outcomes, value) && outcomes[value] === 'disabled')
  if (disabled.reduce((sum, [, times]) => sum + times, 0) > figures.affinity.calls / 2) {
    return verdictOf('key-lost', [...why, explain.reportsNoKey(findings)], steps.whenKeyLost(findings))
  }
  const [withKey, without] = sourcesOf(findings)
  if (withKey !== '' && withKey === without) {
    return verdictOf(
      'key-lost',
      [...why, explain.sources(figures.affinity, figures.control)],
      steps.whenKeyLost(findings),
    )
  }
  const found = probes.names?.found
  if (found !== undefined) {
    const twin = carriers.find((name) => name !== found && name.replaceAll('_', '-') === found)
    return twin === undefined
      ? verdictOf('wrong-name', [...why, explain.otherName(found, carriers)], steps.whenOtherName(found))
      : verdictOf('key-lost', [...why, explain.twin(twin, found)], steps.whenTwin(twin, found))
  }
  const among = probes.names?.among
  if (among !== undefined)
    return verdictOf('wrong-name', [...why, explain.oneOf(among, carriers)], steps.whenOneOf(findings))
  // The gateway is known, so is the header that it reads, and that header was sent.
  if (recognised === gateway.name) {
    return verdictOf(
      'affinity-off',
      [...why, explain.knownAndOff(findings)],
      withAdvice(recognised, steps.orLost(findings)),
    )
  }
  const judgement = verdictOf('not-sticky', [...why, ...explain.noName(probes.names)], steps.whenNotSticky(findings))
  if (probes.names === undefined) return ask('names', judgement)
  return recognised === undefined || otherHop !== undefined
    ? judgement
    : verdictOf('affinity-off', judgement.why, withAdvice(recognised, steps.orLost(findings)))
}

/** What the gateway reports that it took the key from, with a key and without. */
function sourcesOf({ figures: { affinity, control } }: Findings): readonly [string, string] {
  const names = (all: object | undefined): string => Object.keys(all ?? {}).join()
  return [names(affinity.pinSources), names(control.pinSources)]
}

function sticky(findings: Findings, evidence: Evidence, why: readonly string[]): Judgement {
  if (hasDoubtfulMove(evidence.affinity)) return askForMore(findings, why)
  return verdictOf(
    'sticky',
    [...why, ...explain.fromSecondTurn(evidence), ...explain.outlived(findings)],
    steps.whenSticky(findings, evidence),
  )
}

function askForMore(findings: Findings, why: readonly string[]): Judgement {
  const judgement = open(findings, why, steps.whenTooFew(findings))
  return findings.canPlayMore ? ask('more', judgement) : judgement
}

function ask(nextProbe: keyof Probes, judgement: Judgement): Judgement {
  return { ...judgement, nextProbe }
}

function open(findings: Findings, why: readonly string[], next: readonly string[]): Judgement {
  return verdictOf('unknown', why, next.length > 0 ? next : steps.whenUnknown(findings))
}

function verdictOf(verdict: Verdict, why: readonly string[], next: readonly string[]): Judgement {
  return { verdict, sentence: explain.SENTENCES[verdict], why, next }
}

function unhealthy(findings: Findings): Judgement {
  const sentence = explain.howUnhealthy(findings)
  return { ...verdictOf('unhealthy', explain.failures(findings), steps.whenUnhealthy(findings)), sentence }
}

function unknown(findings: Findings): Judgement {
  return verdictOf('unknown', explain.nothingSeen(findings), steps.whenUnknown(findings))
}
