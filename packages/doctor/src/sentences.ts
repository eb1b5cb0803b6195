// What verdicts say, to a person. Words only: what is true was decided elsewhere.

import { advice } from './advice.js'
import type { FaultKind } from './calls.js'
import type { Count, Figures } from './figures.js'
import { shortNames } from './short.js'
import type { Evidence, Findings, Probes, Verdict } from './verdict.js'

export const SENTENCES: Readonly<Record<Verdict, string>> = {
  sticky: 'Affinity works: with the key, every conversation stays on one backend.',
  'not-sticky': 'Affinity does not work: conversations move between backends, with the key as without.',
  'sticky-without-key': 'Conversations stay where their cache is, but not because of the key.',
  'key-lost': 'The key is sent, and does not arrive where backends are picked.',
  'wrong-name': 'The gateway pins by a header of another name than the one that is sent.',
  'affinity-off': 'The gateway is one that reads this key, and does not pin: its affinity is off.',
  'single-backend': 'One backend has answered everything: there is nothing to pin.',
  unhealthy: 'So many calls failed that nothing can be said.',
  unknown: 'It cannot be told whether conversations stay on one backend.',
}

const percent = (share: number): string => `${Math.round(share * 100)} %`
const ratio = ({ did, of }: Count): string => `${did} of ${of}`
const names = (all: object | undefined): string => Object.keys(all ?? {}).join(', ')

function armsSay({ by, affinity, control }: Evidence): string {
  const what =
    by === 'backend'
      ? 'later turns were answered by the backend of the turn before'
      : 'later turns found the turn before in their cache'
  return `With the key ${ratio(affinity)} ${what}; without, ${ratio(control)}.`
}

function seenBy({ sight, figures }: Findings, { by }: Evidence): string {
  if (by === 'cache') return 'No answer names its backend; `cached_tokens` tell by which turn a cache saw last.'
  const all = Object.keys({ ...figures.affinity.backends, ...figures.control.backends }).toSorted()
  return `Backends are told apart by \`${sight?.by}\`: ${[...shortNames(all).values()].join(', ')}.`.replace('….', '…')
}

function caches({ affinity, control }: Findings['figures']): string[] {
  if (affinity.cachedShare === undefined || control.cachedShare === undefined) return []
  return [
    `Of what later turns sent, ${percent(affinity.cachedShare)} came out of a cache with the key, ${percent(control.cachedShare)} without.`,
  ]
}

export function kept(findings: Findings, seen: Evidence): string[] {
  return [armsSay(seen), seenBy(findings, seen), ...caches(findings.figures)]
}

export function moved(findings: Findings, seen: Evidence): string[] {
  const { lineages = 0 } = findings.figures.affinity
  const alternating = seen.by === 'cache' && lineages > 1
  return [
    ...kept(findings, seen),
    ...(findings.echoed.length > 0 ? [`The key came back in \`${findings.echoed.join('`, `')}\`: it arrives.`] : []),
    ...(findings.issued.length > 0
      ? [
          `Answers hand out \`${findings.issued.join('`, `')}\`: if the gateway pins by what it handed out, it wants that back, and llm-affinity does not return it.`,
        ]
      : []),
    ...(alternating
      ? [`The \`cached_tokens\` of one conversation have up to ${lineages} lineages, as of that many replicas.`]
      : []),
  ]
}

export function sources(affinity: Figures, control: Figures): string {
  return `By its own words the gateway pinned by ${names(affinity.sources)} with the key, by ${names(control.sources) || 'nothing'} without.`
}

export const keyHeeded =
  'The key is heeded: calls with nothing in common but their key met one backend, and equal calls with other keys others. Without a key something else pins.'
export const keyIgnored =
  'Calls with nothing in common but their key did not stay together, so the key is not what pins.'

export function allOn({ figures: { affinity, control }, sight }: Findings, backend: string): string[] {
  return [
    `All ${affinity.calls + control.calls - affinity.failed - control.failed} answers are from ${backend} (by \`${sight?.by}\`), with the key and without.`,
    ...caches({ affinity, control }),
  ]
}

export function pinnedBy(pin: 'address' | 'credential'): string {
  return pin === 'address'
    ? 'Calls from other addresses of this machine were answered by other backends: it is the address that pins.'
    : 'Calls with other API keys were answered by other backends: it is the credential that pins.'
}

export function triedOrigins(origin: Probes['origin']): string[] {
  if (origin === undefined) return []
  const tried = [origin.address === false && 'addresses', origin.credential === false && 'credentials'].filter(Boolean)
  return tried.length === 0 ? [] : [`Calls from other ${tried.join(' and with other ')} met the same backend.`]
}

export function toldNoKey({ row, carriers }: Findings): string {
  return `${row.evidence?.outcome}: the gateway says that no key came, though ${carriers.join(' and ')} went out with each call.`
}

export function otherName(found: string, carriers: readonly string[]): string {
  return `${pinsNothing(carriers)}; under \`${found}\` conversations stay on one backend.`
}

export function oneOf(among: readonly string[], carriers: readonly string[]): string {
  return `${pinsNothing(carriers)}; under one of these names conversations stay on one backend: ${among.map((name) => `\`${name}\``).join(', ')}.`
}

function pinsNothing(carriers: readonly string[]): string {
  return carriers.length === 0 ? 'No key was sent' : `\`${carriers.join('` and `')}\` pins nothing`
}

export function twin(lost: string, found: string): string {
  return `\`${lost}\` pins nothing and \`${found}\` does: a hop drops header names with underscores, as nginx does unless told otherwise.`
}

export function noName(probe: Probes['names']): string[] {
  return probe === undefined ? [] : [`None of ${probe.tried} other header names pins either.`]
}

export function knownAndOff({ recognised = '', carriers }: Findings): string {
  return `It is ${advice.get(recognised)?.title ?? recognised} by its own headers, it was sent \`${carriers.join('` and `')}\`, which it reads, and it does not pin.`
}

export function howUnhealthy({ figures: { affinity, control } }: Findings): string {
  const [failed, calls] = [affinity.failed + control.failed, affinity.calls + control.calls]
  return failed === calls
    ? 'All calls failed, so nothing can be said.'
    : `${percent(failed / calls)} of all calls failed, so nothing can be said.`
}

export function failures({ faults, figures: { affinity, control } }: Findings): string[] {
  const kinds = Map.groupBy(
    faults,
    ({ kind, status }) => `${FAULTS[kind]}${status === undefined ? '' : ` (${status})`}`,
  )
  const told = [...kinds].map(([what, all]) => `${all.length} ${what}: ${all[0]?.said ?? ''}`)
  return [`${affinity.failed + control.failed} of ${affinity.calls + control.calls} calls failed.`, ...told]
}

const FAULTS: Readonly<Record<FaultKind, string>> = {
  unresolved: 'did not find the host',
  unreachable: 'found nobody listening',
  insecure: 'did not trust the certificate',
  silent: 'had no answer in time',
  unauthorized: 'were not allowed',
  'no-model': 'found no such model',
  'no-path': 'found nothing at this path',
  'no-llm': 'were answered without a stream',
  refused: 'were refused',
  limited: 'were one too many',
  broken: 'broke at the gateway or behind it',
  cut: 'ended in the middle of the answer',
  aborted: 'were given up',
}

export function nothingSeen({ cut, nonsense, sight, figures: { affinity, control } }: Findings): string[] {
  if (cut !== undefined && (sight !== undefined || affinity.cachedShare !== undefined)) {
    return [`There were too few calls: the ${cut} was used up after ${affinity.calls + control.calls}.`]
  }
  return [
    'No answer names its backend.',
    nonsense
      ? 'The `cached_tokens` that it says are no counts of tokens.'
      : 'No answer says that it found the turn before in a cache (`cached_tokens`).',
  ]
}

/** What is worth knowing whatever the verdict. */
export function besides({
  figures: { affinity, control },
  cut,
  faults,
  nonsense,
  sight,
  row,
  carriers,
}: Findings): string[] {
  const failed = affinity.failed + control.failed
  const [fault] = faults
  const status = fault?.status === undefined ? '' : `${fault.status} `
  return [
    row.strict === true ? 'It refuses calls without a key: in the other arm each call had a new one.' : '',
    carriers.length === 0 && affinity.calls > 0 ? `No key was sent: \`${row.name}\` reads none here.` : '',
    failed > 0 ? `${failed} of ${affinity.calls + control.calls} calls failed: ${status}${fault?.said ?? ''}.` : '',
    nonsense && sight ? 'The `cached_tokens` that it says are no counts of tokens, and were left out.' : '',
    cut === undefined ? '' : `The ${cut} was used up before all calls were made.`,
  ].filter((line) => line !== '')
}
