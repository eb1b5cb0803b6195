// The sentences that explain a verdict. They only report: judge.ts decides.

import type { Figures, Share } from '../analysis/figures.js'
import type { Findings, Probes } from '../analysis/findings.js'
import type { FaultKind } from '../client/calls.js'
import { shortenNames } from '../util/format.js'
import { advice } from './advice.js'
import type { Evidence, Verdict } from './verdict.js'

export const SENTENCES: Readonly<Record<Verdict, string>> = {
  sticky: 'Affinity works: with the key, every conversation stays on one backend.',
  'not-sticky': 'Affinity does not work: conversations move between backends, with the key and without it.',
  'sticky-without-key': 'Conversations stay on one backend, but not because of the key.',
  'key-lost': 'The key is sent, but it does not reach the hop that selects the backend.',
  'wrong-name': 'The gateway pins by a header with another name than the one that is sent.',
  'affinity-off': 'The gateway reads this key but does not pin: its affinity is off.',
  'single-backend': 'One backend answered every call: there is nothing to pin.',
  unhealthy: 'Too many calls failed to judge.',
  unknown: 'There is not enough evidence to tell whether conversations stay on one backend.',
}

const percent = (share: number): string => `${Math.round(share * 100)} %`
const ratio = ({ count: did, total: of }: Share): string => `${did} of ${of}`
const names = (all: object | undefined): string => Object.keys(all ?? {}).join(', ')

function armsSay({ by, affinity, control }: Evidence): string {
  const what =
    by === 'backend'
      ? 'later turns were answered by the same backend as the turn before'
      : 'later turns found the turn before in the cache'
  return `With the key, ${ratio(affinity)} ${what}; without it, ${ratio(control)}.`
}

function seenBy({ identifier: sight, figures }: Findings, { by }: Evidence): string {
  if (by === 'cache')
    return 'No answer names its backend. `cached_tokens` show which turn the answering cache saw last.'
  const all = Object.keys({ ...figures.affinity.backends, ...figures.control.backends }).toSorted()
  return `Backends are distinguished by \`${sight?.by}\`: ${[...shortenNames(all).values()].join(', ')}.`.replace(
    '….',
    '…',
  )
}

function caches({ affinity, control }: Findings['figures']): string[] {
  if (affinity.cachedShare === undefined || control.cachedShare === undefined) return []
  return [
    `Of the prompt tokens of later turns, ${percent(affinity.cachedShare)} were cached with the key, ${percent(control.cachedShare)} without it.`,
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
    ...(findings.echoedIn.length > 0
      ? [`The gateway returned the key in \`${findings.echoedIn.join('`, `')}\`: it arrives.`]
      : []),
    ...(findings.issuedTokens.length > 0
      ? [
          `Answers set \`${findings.issuedTokens.join('`, `')}\`. If the gateway pins by these, it needs them back, and llm-affinity does not return them.`,
        ]
      : []),
    ...(alternating ? [`The \`cached_tokens\` of one conversation come from up to ${lineages} different caches.`] : []),
  ]
}

export function sources(affinity: Figures, control: Figures): string {
  return `The gateway reports that it pinned by ${names(affinity.pinSources)} with the key, and by ${names(control.pinSources) || 'nothing'} without it.`
}

export const keyHeeded =
  'The key pins: calls that shared only their key reached one backend, and equal calls with different keys reached several. Without a key, something else pins.'
export const keyIgnored = 'Calls that shared only their key reached several backends, so the key does not pin them.'

export function allOn({ figures: { affinity, control }, identifier: sight }: Findings, backend: string): string[] {
  return [
    `All ${affinity.calls + control.calls - affinity.failed - control.failed} answers are from ${backend} (according to \`${sight?.by}\`), with the key and without it.`,
    ...caches({ affinity, control }),
  ]
}

export function pinnedBy(pin: 'address' | 'credential'): string {
  return pin === 'address'
    ? 'Calls from other addresses of this machine reached other backends: the gateway pins by client address.'
    : 'Calls with other API keys reached other backends: the gateway pins by credential.'
}

export function triedOrigins(origin: Probes['origin']): string[] {
  if (origin === undefined) return []
  const tried = [origin.address === false && 'addresses', origin.credential === false && 'credentials'].filter(Boolean)
  return tried.length === 0 ? [] : [`Calls from other ${tried.join(' and with other ')} reached the same backend.`]
}

export function toldNoKey({ gateway: row, carriers }: Findings): string {
  return `${row.evidence?.outcome}: the gateway reports that it received no key, although each call carried ${carriers.join(' and ')}.`
}

export function otherName(found: string, carriers: readonly string[]): string {
  return `${pinsNothing(carriers)}; with \`${found}\`, conversations stay on one backend.`
}

export function oneOf(among: readonly string[], carriers: readonly string[]): string {
  return `${pinsNothing(carriers)}; with one of these headers, conversations stay on one backend: ${among.map((name) => `\`${name}\``).join(', ')}.`
}

function pinsNothing(carriers: readonly string[]): string {
  return carriers.length === 0 ? 'No key was sent' : `\`${carriers.join('` and `')}\` does not pin`
}

export function twin(lost: string, found: string): string {
  return `\`${lost}\` does not pin and \`${found}\` does: a hop drops header names with underscores, as nginx does by default.`
}

export function noName(probe: Probes['names']): string[] {
  return probe === undefined ? [] : [`None of ${probe.tried} other header names pins conversations either.`]
}

export function knownAndOff({ recognised = '', carriers }: Findings): string {
  return `Its headers identify it as ${advice.get(recognised)?.title ?? recognised}. It was sent \`${carriers.join('` and `')}\`, which it reads, and it does not pin.`
}

export function howUnhealthy({ figures: { affinity, control } }: Findings): string {
  const [failed, calls] = [affinity.failed + control.failed, affinity.calls + control.calls]
  return failed === calls ? 'All calls failed.' : `${percent(failed / calls)} of all calls failed: too many to judge.`
}

export function failures({ faults, figures: { affinity, control } }: Findings): string[] {
  const kinds = Map.groupBy(
    faults,
    ({ kind, status }) => `${FAULTS[kind]}${status === undefined ? '' : ` (${status})`}`,
  )
  const byKind = [...kinds].map(([what, all]) => `${all.length} × ${what}: ${all[0]?.message ?? ''}`)
  return [`${affinity.failed + control.failed} of ${affinity.calls + control.calls} calls failed.`, ...byKind]
}

const FAULTS: Readonly<Record<FaultKind, string>> = {
  unresolved: 'host not found',
  unreachable: 'connection refused',
  insecure: 'certificate not trusted',
  silent: 'timed out',
  unauthorized: 'not authorized',
  'no-model': 'no such model',
  'no-path': 'no such path',
  'no-llm': 'no event stream in the answer',
  refused: 'rejected',
  limited: 'rate-limited',
  broken: 'failed at the gateway or behind it',
  cut: 'stream ended early',
  aborted: 'aborted',
}

export function nothingSeen({
  stoppedBy: cut,
  invalidCachedTokens: nonsense,
  identifier: sight,
  figures: { affinity, control },
}: Findings): string[] {
  if (cut !== undefined && (sight !== undefined || affinity.cachedShare !== undefined)) {
    return [
      `There were too few calls: the ${cut === 'time' ? 'time' : 'token budget'} was used up after ${affinity.calls + control.calls}.`,
    ]
  }
  return [
    'No answer names its backend.',
    nonsense
      ? 'Its `cached_tokens` are not valid token counts.'
      : 'No answer reports that it found the turn before in a cache (`cached_tokens`).',
  ]
}

/** Remarks that apply to every verdict. */
export function besides({
  figures: { affinity, control },
  stoppedBy: cut,
  faults,
  invalidCachedTokens: nonsense,
  identifier: sight,
  gateway: row,
  carriers,
}: Findings): string[] {
  const failed = affinity.failed + control.failed
  const [fault] = faults
  const status = fault?.status === undefined ? '' : `${fault.status} `
  return [
    row.requiresKey === true
      ? 'The gateway rejects calls without a key, so in the other arm each call had a new one.'
      : '',
    carriers.length === 0 && affinity.calls > 0 ? `No key was sent: \`${row.name}\` reads none at this URL.` : '',
    failed > 0 ? `${failed} of ${affinity.calls + control.calls} calls failed: ${status}${fault?.message ?? ''}.` : '',
    nonsense && sight ? 'Its `cached_tokens` are not valid token counts, and were ignored.' : '',
    cut === undefined ? '' : `The ${cut === 'time' ? 'time' : 'token budget'} was used up before all calls were made.`,
  ].filter((line) => line !== '')
}
