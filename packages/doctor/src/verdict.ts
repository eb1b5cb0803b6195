import type { Gateway } from 'llm-affinity/gateways'
import { onceAdvised } from './advice.js'
import type { Arm, Fault } from './calls.js'
import type { Count, Figures } from './figures.js'
import * as say from './sentences.js'
import * as steps from './steps.js'

export type Verdict =
  | 'sticky'
  | 'not-sticky'
  | 'sticky-without-key'
  | 'key-lost'
  | 'wrong-name'
  | 'affinity-off'
  | 'single-backend'
  | 'unhealthy'
  | 'unknown'

/** All that is known when a verdict is given. */
export interface Findings {
  readonly figures: Readonly<Record<Arm, Figures>>
  /** What names the backends. */
  readonly sight?: { readonly by: string; readonly isSure: boolean }
  /** The row that was stamped with. */
  readonly row: Gateway
  /** What the gateway was recognised as, by headers that no other has. */
  readonly recognised?: string
  /** Where the key really stood in what was sent: names of headers, `body`. */
  readonly carriers: readonly string[]
  readonly faults: readonly Fault[]
  /** Why there are fewer calls than there were to be. */
  readonly cut?: 'time' | 'budget'
  /** No call was answered, and it was asked which models there are: it lists this one. */
  readonly listed?: true
  /** Some answers said a number of cached tokens that cannot be one. */
  readonly nonsense: boolean
  /** Headers in which the key came back. */
  readonly echoed: readonly string[]
  /** What the gateway handed out and may want back: names of cookies, and of headers with a token of its own. */
  readonly issued: readonly string[]
  /** Absent: not looked for. */
  readonly probes: Probes
}

export interface Probes {
  /** The header under which a key is heeded, if there is one among all that we know. */
  readonly names?: {
    readonly tried: number
    readonly found?: string
    /** It is one of these; budget or time did not reach to say which. */
    readonly among?: readonly string[]
  }
  /** Whether one key keeps calls with nothing else in common together, and other keys lead the same call elsewhere. */
  readonly key?: { readonly heeded: boolean }
  /** Whether calls go elsewhere that come from other addresses, or with other credentials. Absent member: not possible here. */
  readonly origin?: { readonly address?: boolean; readonly credential?: boolean }
}

export interface Judgement {
  readonly verdict: Verdict
  /** The verdict, for a person. */
  readonly sentence: string
  readonly why: readonly string[]
  readonly next: readonly string[]
  /** What would make it surer, and can be found out. */
  readonly ask?: keyof Probes
}

export const EXIT_CODES: Readonly<Record<Verdict, 0 | 1 | 2>> = {
  sticky: 0,
  'sticky-without-key': 0,
  'not-sticky': 1,
  'key-lost': 1,
  'wrong-name': 1,
  'affinity-off': 1,
  'single-backend': 2,
  unhealthy: 2,
  unknown: 2,
}

/** Failures up to this share are told, and no more: a backend that dies costs a call or two. */
const TOLERABLE = 0.1
/** A backend that dies moves its conversations once. */
const STICKY = 0.95
/** Fewer turns than these say nothing. */
const ENOUGH = 4

/** Evidence of both arms -> what it means and what to do. Pure. */
export function judge(findings: Findings): Judgement {
  const { affinity, control } = findings.figures
  if ([affinity, control].some(({ failed, calls }) => failed > TOLERABLE * calls)) return unhealthy(findings)
  const seen = evidenceOf(findings)
  if (seen === undefined) return unknown(findings)
  const judgement = placed(findings, seen)
  const why = [...judgement.why, ...say.besides(findings)]
  return { ...judgement, why, next: judgement.next.filter((line) => line !== '') }
}

/** How conversations were followed from turn to turn. */
export interface Evidence {
  readonly by: 'backend' | 'cache'
  readonly affinity: Count
  readonly control: Count
}

/** By the backends' names, or where nobody says them, by what their caches know. */
export function evidenceOf({ figures: { affinity, control } }: Findings): Evidence | undefined {
  const named = pair('backend', affinity.stayed, control.stayed)
  const cached = pair('cache', affinity.descended, control.descended)
  if (named === undefined || cached === undefined) return named ?? cached
  // Where caches stay with the key and do not without, names that tell another story are names of something else: of a
  // hop before the backends, or of nobody.
  const isTold = isKept(cached.affinity) && !isKept(cached.control)
  return isTold && (!isKept(named.affinity) || isKept(named.control)) ? cached : named
}

function pair(by: Evidence['by'], affinity: Count | undefined, control: Count | undefined): Evidence | undefined {
  const isEnough = (affinity?.of ?? 0) >= ENOUGH && (control?.of ?? 0) >= ENOUGH
  return isEnough && affinity && control ? { by, affinity, control } : undefined
}

function isKept({ did, of }: Count): boolean {
  return did >= STICKY * of
}

function placed(findings: Findings, seen: Evidence): Judgement {
  const { affinity, control } = findings.figures
  const places = new Set([affinity, control].flatMap(({ backends = {} }) => Object.keys(backends)))
  if (seen.by === 'backend' && places.size === 1) return onOne(findings, [...places][0] ?? '')
  if (!isKept(seen.affinity)) return moving(findings, seen)
  if (!isKept(seen.control)) return sticky(findings, seen, say.kept(findings, seen))
  return keptAnyway(findings, seen)
}

function sticky(findings: Findings, seen: Evidence, why: readonly string[]): Judgement {
  return give('sticky', why, steps.whenSticky(findings, seen))
}

/** Both arms stay where they are: is it the key that keeps the one? */
function keptAnyway(findings: Findings, seen: Evidence): Judgement {
  const { affinity, control } = findings.figures
  const why = say.kept(findings, seen)
  const [withKey, without] = sourcesOf(findings)
  if (withKey !== '' && withKey !== without) return sticky(findings, seen, [...why, say.sources(affinity, control)])
  const { key } = findings.probes
  if (key?.heeded) return sticky(findings, seen, [...why, say.keyHeeded])
  const judgement = give(
    'sticky-without-key',
    key === undefined ? why : [...why, say.keyIgnored],
    steps.whenWithoutKey(findings, seen),
  )
  return key === undefined && seen.by === 'backend' ? { ...judgement, ask: 'key' } : judgement
}

/** What the gateway says that it took the key from, with a key and without. */
function sourcesOf({ figures: { affinity, control } }: Findings): readonly [string, string] {
  const named = (all: object | undefined): string => Object.keys(all ?? {}).join()
  return [named(affinity.sources), named(control.sources)]
}

function onOne(findings: Findings, backend: string): Judgement {
  const { origin } = findings.probes
  const why = say.allOn(findings, backend)
  const pin = (['address', 'credential'] as const).find((name) => origin?.[name] === true)
  if (pin !== undefined) {
    return give('sticky-without-key', [...why, say.pinnedBy(pin)], steps.whenPinnedBy(pin, findings))
  }
  const judgement = give('single-backend', [...why, ...say.triedOrigins(origin)], steps.whenOnOne(origin))
  return origin === undefined ? { ...judgement, ask: 'origin' } : judgement
}

/** The key does not keep conversations where they are. Why not? */
function moving(findings: Findings, seen: Evidence): Judgement {
  const { row, recognised, probes, carriers, figures } = findings
  const why = say.moved(findings, seen)
  const words = row.evidence?.words ?? {}
  const said = Object.entries(figures.affinity.outcomes ?? {})
  const disabled = said.filter(([word]) => Object.hasOwn(words, word) && words[word] === 'disabled')
  if (disabled.reduce((sum, [, times]) => sum + times, 0) > figures.affinity.calls / 2) {
    return give('key-lost', [...why, say.toldNoKey(findings)], steps.whenKeyLost(findings))
  }
  const [withKey, without] = sourcesOf(findings)
  if (withKey !== '' && withKey === without) {
    return give('key-lost', [...why, say.sources(figures.affinity, figures.control)], steps.whenKeyLost(findings))
  }
  const found = probes.names?.found
  if (found !== undefined) {
    const twin = carriers.find((name) => name !== found && name.replaceAll('_', '-') === found)
    return twin === undefined
      ? give('wrong-name', [...why, say.otherName(found, carriers)], steps.whenOtherName(found))
      : give('key-lost', [...why, say.twin(twin, found)], steps.whenTwin(twin, found))
  }
  const among = probes.names?.among
  if (among !== undefined) return give('wrong-name', [...why, say.oneOf(among, carriers)], steps.whenOneOf())
  // It is known which header this one reads, and that was sent.
  if (recognised === row.name) return off(recognised, [...why, say.knownAndOff(findings)])
  const judgement = give('not-sticky', [...why, ...say.noName(probes.names)], steps.whenNotSticky(findings))
  if (probes.names === undefined) return { ...judgement, ask: 'names' }
  return recognised === undefined ? judgement : off(recognised, judgement.why)
}

function off(gateway: string, why: readonly string[]): Judgement {
  return give('affinity-off', why, onceAdvised(gateway, [steps.orLost]))
}

function give(verdict: Verdict, why: readonly string[], next: readonly string[]): Judgement {
  return { verdict, sentence: say.SENTENCES[verdict], why, next }
}

function unhealthy(findings: Findings): Judgement {
  const sentence = say.howUnhealthy(findings)
  return { ...give('unhealthy', say.failures(findings), steps.whenUnhealthy(findings)), sentence }
}

function unknown(findings: Findings): Judgement {
  return give('unknown', [...say.nothingSeen(findings), ...say.besides(findings)], steps.whenUnknown(findings))
}
