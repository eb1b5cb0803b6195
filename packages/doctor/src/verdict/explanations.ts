// The sentences that explain a verdict. They only report: judge.ts decides.

import type { ArmEvidence, Evidence, Share } from '../analysis/evidence.js'
import type { Figures } from '../analysis/figures.js'
import type { Findings, Probes } from '../analysis/findings.js'
import type { FaultKind } from '../client/calls.js'
import { shortenNames } from '../util/format.js'
import { advice } from './advice.js'
import { staysFromSecondTurn } from './statistics.js'
import type { Verdict } from './verdict.js'

export const SENTENCES: Readonly<Record<Verdict, string>> = {
  sticky: 'Affinity works: with the key, conversations stay on one backend.',
  'partly-sticky': 'Affinity works in part: with the key, conversations stay more often, but not always.',
  'not-sticky': 'Affinity does not work: with the key, conversations move between backends as they do without it.',
  'sticky-without-key': 'Conversations stay on one backend, but not because of the key.',
  'key-lost': 'The key is sent, but it does not reach the hop that selects the backend.',
  'wrong-name': 'The gateway pins by a header with another name than the one that is sent.',
  'affinity-off':
    'The gateway reads this key and does not pin by it: its affinity is off, or the key is lost on the way.',
  'single-backend': 'One backend answered every call: there is nothing to pin.',
  unhealthy: 'Too many calls failed to judge.',
  unknown: 'There is not enough evidence to tell whether the key keeps conversations on one backend.',
}

const percent = (share: number): string => `${Math.round(share * 100)} %`
const ratio = ({ count, total }: Share): string => `${count} of ${total}`
const names = (all: object | undefined): string => Object.keys(all ?? {}).join(', ')
const quoted = (all: readonly string[]): string => `\`${all.join('`, `')}\``

/** A probability as a person reads it. */
function probability(p: number): string {
  if (p < 0.001) return 'less than 0.1 %'
  return p < 0.1 ? `${(p * 100).toFixed(1)} %` : percent(p)
}

function bothArms({ by, affinity, control }: Evidence): string {
  const what =
    by === 'backend'
      ? 'later turns were answered by the same backend as the turn before'
      : 'later turns found the turn before in the cache'
  return `With the key, ${ratio(affinity.stayed)} ${what}; without it, ${ratio(control.stayed)}.`
}

function confidence({ affinity, pHigher, pSettledHigher, by }: Evidence): string {
  const between = `If the key made no difference, a result at least as good for the key would appear in ${probability(Math.min(pHigher, pSettledHigher))} of all runs.`
  if (by === 'cache' || affinity.chance === undefined) return between
  return `If chance selected the backends, about ${percent(affinity.chance.expected)} of the turns with the key would stay on the same backend, and at least as many as observed in ${probability(affinity.chance.p)} of all runs. ${between}`
}

function observedBy({ identifier, figures, lineages = 0 }: Findings, { by }: Evidence): string[] {
  if (by === 'cache') {
    const several = lineages > 1 ? ` One conversation was in up to ${lineages} caches.` : ''
    const why = identifier === undefined ? 'No answer names its backend' : `\`${identifier.by}\` names something else`
    return [`${why}. \`cached_tokens\` show which turn the answering cache saw last.${several}`]
  }
  const all = Object.keys({ ...figures.affinity.backends, ...figures.control.backends }).toSorted()
  const list = [...shortenNames(all).values()].join(', ')
  return [`Backends are distinguished by \`${identifier?.by}\`: ${list}.`.replace('….', '…')]
}

function cachedShares({ affinity, control }: Findings['figures']): string[] {
  if (affinity.cachedShare === undefined || control.cachedShare === undefined) return []
  return [
    `Of the prompt tokens of later turns, ${percent(affinity.cachedShare)} were cached with the key, ${percent(control.cachedShare)} without it.`,
  ]
}

export function kept(findings: Findings, evidence: Evidence): string[] {
  return [
    bothArms(evidence),
    ...(findings.learned.length > 0 ? [`Conversations with the key gave back ${quoted(findings.learned)}.`] : []),
    confidence(evidence),
    ...observedBy(findings, evidence),
    ...cachedShares(findings.figures),
  ]
}

export function fromSecondTurn({ affinity }: Evidence): string[] {
  return staysFromSecondTurn(affinity)
    ? [
        `The pin begins with the second turn: from there on, ${ratio(affinity.settled)} turns stayed. The first turn of a conversation is not cached where the others are.`,
      ]
    : []
}

/** Conversations stay more often with the key, and not always: when did they move? */
export function partly(findings: Findings, evidence: Evidence): string[] {
  return [...kept(findings, evidence), lifetime(findings, evidence.affinity) ?? whenTheyMoved(evidence.affinity)]
}

/** A share of conversations that moved at a turn, which chance alone would hardly move where pins hold. */
const LOST = 0.4

/** How long pins live, where conversations moved after long pauses only. */
function lifetime({ longPauses }: Findings, { moves, stayed }: ArmEvidence): string | undefined {
  const paused = [...longPauses.keys()]
  const [last = 0] = paused.slice(-1)
  const conversations = stayed.total / Math.max(1, last - 1)
  const isLost = (turn: number): boolean => moves.filter((move) => move.turn === turn).length >= LOST * conversations
  const lost = paused.find((_, i) => paused.slice(i).every(isLost))
  const moved = moves.filter(({ turn }) => lost === undefined || turn < lost).length
  if (lost === undefined || moved > 0.2 * moves.length) return undefined
  const seconds = (turn: number): string => `${(longPauses.get(turn) ?? 0) / 1000} s`
  const before = longPauses.has(lost - 1) ? `, and stayed after a pause of ${seconds(lost - 1)}` : ''
  return `Conversations moved after a pause of ${seconds(lost)}${before}: pins, or what holds them, live no longer.`
}

/** That pins outlived the longest pause, if there was one. */
export function outlived({ longPauses }: Findings): string[] {
  const longest = Math.max(0, ...longPauses.values())
  return longest === 0 ? [] : [`They also stayed after a pause of ${longest / 1000} s.`]
}

function whenTheyMoved({ moves, stayed }: ArmEvidence): string {
  const byTurn = [...Map.groupBy(moves, ({ turn }) => turn)].toSorted(([, a], [, b]) => b.length - a.length)
  const [[turn, most] = [0, []]] = byTurn
  const conversations = new Set(moves.map(({ conversation }) => conversation)).size
  const where = `${moves.length} of ${stayed.total} turns moved, in ${conversations} conversations`
  return most.length >= 3 && most.length >= 0.8 * moves.length
    ? `${where}, nearly all of them at turn ${turn}: a backend went or came at that moment, or the pin does not cover that turn.`
    : `${where}, at no particular moment: calls spill over when a backend is busy, pins expire (see --pause), several gateways do not share their pins, or a hop balances connections and not requests.`
}

export function moved(findings: Findings, evidence: Evidence): string[] {
  const { echoedIn, issuedTokens } = findings
  return [
    ...kept(findings, evidence),
    ...(echoedIn.length > 0 ? [`The gateway returned the key in ${quoted(echoedIn)}: it arrives.`] : []),
    ...(issuedTokens.length > 0
      ? [`Answers set ${quoted(issuedTokens)}. If the gateway pins by these, it needs them back: see "What to do".`]
      : []),
  ]
}

export function tooFewMoves(findings: Findings, evidence: Evidence): string[] {
  const { largestShare = 0 } = evidence.control
  const skew =
    evidence.by === 'backend' && largestShare >= 0.8
      ? [`One backend answered ${percent(largestShare)} of the calls without a key, so most turns stay by chance.`]
      : []
  return [...kept(findings, evidence), ...skew]
}

export function conflict({ identifier }: Findings): string {
  return `\`${identifier?.by}\` and the \`cached_tokens\` contradict each other: several backends share a name, or caches are lost between turns.`
}

export function guessMoves(findings: Findings, evidence: Evidence): string[] {
  return [
    `\`${findings.identifier?.by}\` takes several values and may name the backends. If it does, conversations move: with the key, ${ratio(evidence.affinity.stayed)} later turns have the value of the turn before; without it, ${ratio(evidence.control.stayed)}.`,
  ]
}

export const bothFound =
  'Both arms are equally high: there is one backend, or backends share a cache, or the gateway pins by something else than the key.'

export function oneForAllKeys({ affinity }: Evidence): string {
  return `All ${affinity.stayed.total + 1} or more calls with a key reached one backend, whatever the key.`
}

export function sources(affinity: Figures, control: Figures): string {
  return `The gateway reports that it pinned by ${names(affinity.pinSources)} with the key, and by ${names(control.pinSources) || 'nothing'} without it.`
}

export const keyPins = 'Other keys reach other backends, and calls that share only their key reach one.'
export const keyPinsToo =
  'The key pins: calls that shared only their key reached one backend, and other keys reached others. Without a key, something else pins.'

export function keyDoesNotPin({ backends }: NonNullable<Probes['key']>): string {
  return backends > 1
    ? 'Calls that shared only their key reached several backends, so the key does not pin them.'
    : 'Calls with several keys and nothing else in common all reached one backend.'
}

export function allOn({ figures: { affinity, control }, identifier }: Findings, backend: string): string[] {
  return [
    `All ${affinity.calls + control.calls - affinity.failed - control.failed} answers name ${backend} (\`${identifier?.by}\`), with the key and without it.`,
    ...cachedShares({ affinity, control }),
  ]
}

export const oneNameProvesLittle =
  'One name in all answers does not prove that there is one backend: several may share it, or it may be that of a hop before them.'

export function pinnedBy(pin: 'address' | 'credential'): string {
  return pin === 'address'
    ? 'Calls from other addresses of this machine reached other backends, each address its own: the gateway pins by client address.'
    : 'Calls with other API keys reached other backends, each API key its own: the gateway pins by credential.'
}

export function triedClients(client: Probes['client']): string[] {
  if (client === undefined) return []
  if (client.backends > 1)
    return ['Short calls from other addresses or with other credentials reached several backends.']
  const tried = [client.address === false && 'addresses', client.credential === false && 'credentials'].filter(Boolean)
  return tried.length === 0 ? [] : [`Calls from other ${tried.join(' and with other ')} reached the same backend.`]
}

export function reportsNoKey({ gateway, carriers }: Findings): string {
  return `${gateway.evidence?.outcome}: the gateway reports that it received no key, although each call carried ${carriers.join(' and ')}.`
}

export function otherName(found: string, carriers: readonly string[]): string {
  return `${pinsNothing(carriers)}; with \`${found}\`, conversations stay on one backend.`
}

export function oneOf(among: readonly string[], carriers: readonly string[]): string {
  return `${pinsNothing(carriers)}; with one of these headers, conversations stay on one backend: ${quoted(among)}.`
}

function pinsNothing(carriers: readonly string[]): string {
  const verb = carriers.length === 1 ? 'does' : 'do'
  return carriers.length === 0 ? 'No key was sent' : `\`${carriers.join('` and `')}\` ${verb} not pin`
}

export function twin(lost: string, found: string): string {
  return `\`${lost}\` does not pin and \`${found}\` does: a hop drops header names with underscores, as nginx does by default.`
}

export function noName(probe: Probes['names']): string[] {
  if (probe === undefined) return []
  const short = probe.isShort ? ', with prompts shorter than these' : ''
  return [`None of ${probe.tried} other header names was found to pin conversations${short}.`]
}

export function knownAndOff({ recognised = '', carriers, otherHop }: Findings): string {
  const hop = otherHop === undefined ? '' : ` Another server is on the way (${otherHop}), which may drop the header.`
  return `Its headers identify it as ${advice.get(recognised)?.title ?? recognised}. It was sent \`${carriers.join('` and `')}\`, which it reads, and conversations move.${hop}`
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
  stalled: 'timed out',
  unauthorized: 'not authorized',
  'no-model': 'no such model',
  'no-path': 'no such path',
  'no-llm': 'no event stream in the answer',
  'json-answer': 'JSON in place of an event stream',
  unsupported: 'a parameter is not supported',
  'no-stream': 'streaming is not supported',
  'too-long': 'the prompt is too long',
  'needs-key': 'rejected without a session id',
  refused: 'rejected',
  limited: 'rate-limited',
  broken: 'failed at the gateway or behind it',
  cut: 'stream ended early',
  aborted: 'aborted',
}

export function nothingSeen(findings: Findings): string[] {
  const { stoppedBy, invalidCachedTokens, identifier, cacheProblem, figures } = findings
  const { affinity, control } = figures
  if (stoppedBy !== undefined && (identifier !== undefined || affinity.cachedShare !== undefined)) {
    return [
      `There were too few calls: the ${stoppedBy === 'time' ? 'time' : 'token budget'} was used up after ${affinity.calls + control.calls}.`,
    ]
  }
  return [
    'No answer names its backend.',
    invalidCachedTokens
      ? 'Its `cached_tokens` are not valid token counts.'
      : cacheProblem === 'too-coarse'
        ? 'The cache counts in large blocks, and the prompts grew by less than a block, so `cached_tokens` do not show which turn it saw last.'
        : cacheProblem === 'nothing-found'
          ? 'No answer reports that it found the turn before in a cache (`cached_tokens`).'
          : 'Too few answers report `cached_tokens`.',
  ]
}

/** Remarks that apply to every verdict. */
export function remarks(findings: Findings): string[] {
  const { figures, stoppedBy, faults, invalidCachedTokens, identifier, gateway, carriers, rateLimited, cacheProblem } =
    findings
  const { affinity, control } = figures
  const failed = affinity.failed + control.failed
  const [fault] = faults
  const status = fault?.status === undefined ? '' : `${fault.status} `
  return [
    gateway.requiresKey === true
      ? 'The gateway rejects calls without a key, so in the other arm each call had a new one.'
      : '',
    carriers.length === 0 && affinity.calls > 0 ? `No key was sent: \`${gateway.name}\` reads none at this URL.` : '',
    failed > 0 ? `${failed} of ${affinity.calls + control.calls} calls failed: ${status}${fault?.message ?? ''}.` : '',
    rateLimited > 0 ? `${rateLimited} answers were a 429. These calls were repeated, with fewer in flight.` : '',
    cacheProblem === 'too-coarse' &&
    identifier &&
    [affinity, control].every(({ foundCache }) => foundCache === undefined)
      ? 'The prompts grew by less than a block of the cache, so `cached_tokens` do not show which turn it saw last.'
      : '',
    invalidCachedTokens && identifier ? 'Its `cached_tokens` are not valid token counts, and were ignored.' : '',
    stoppedBy === undefined
      ? ''
      : `The ${stoppedBy === 'time' ? 'time' : 'token budget'} was used up before all calls were made.`,
  ].filter((line) => line !== '')
}
