// What verdicts say, to a person. Words only: what is true was decided elsewhere.

import { advice, onceAdvised } from './advice.js'
import type { FaultKind } from './calls.js'
import type { Count, Figures } from './figures.js'
import type { Evidence, Findings, Probes, Verdict } from './verdict.js'

export const SENTENCES: Readonly<Record<Verdict, string>> = {
  sticky: 'Affinity works: with the key, every conversation stays on one backend.',
  'not-sticky': 'Affinity does not work: conversations move between backends, with the key as without.',
  'sticky-without-key': 'Conversations stay where their cache is, but not because of the key.',
  'key-lost': 'The key is sent, and does not arrive where backends are picked.',
  'wrong-name': 'The gateway pins by a header of another name than the one that is sent.',
  'affinity-off': 'The gateway knows the key, and its affinity is off.',
  'single-backend': 'One backend has answered everything: there is nothing to pin.',
  unhealthy: 'Too many calls fail to tell.',
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
  const all = { ...figures.affinity.backends, ...figures.control.backends }
  return `Backends are told apart by \`${sight?.by}\`: ${names(all)}.`
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
    ...(alternating
      ? [`The \`cached_tokens\` of one conversation have up to ${lineages} lineages, as of that many replicas.`]
      : []),
  ]
}

export const spreads = (count: number): string =>
  `The key is heeded: with it conversations are spread over ${count} backends, without it all are on one.`

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

export function nextPinnedBy(pin: 'address' | 'credential', { row }: Findings): readonly string[] {
  const what = pin === 'address' ? 'from this address' : 'with this credential'
  return [
    `All conversations ${what} share one backend, and the others are idle. To spread them, have the gateway hash the key instead.`,
    ...onceAdvised(row.name, []),
  ]
}

export function triedOrigins(origin: Probes['origin']): string[] {
  if (origin === undefined) return []
  const tried = [origin.address === false && 'addresses', origin.credential === false && 'credentials'].filter(Boolean)
  return tried.length === 0 ? [] : [`Calls from other ${tried.join(' and with other ')} met the same backend.`]
}

export function nextOnOne(origin: Probes['origin']): string[] {
  const open = [origin?.address === undefined && 'this address', origin?.credential === undefined && 'this API key']
  const maybe = open.filter(Boolean).join(' or ')
  return [
    'With one backend you do not need affinity. If there are more, see why the gateway does not use them.',
    maybe === ''
      ? ''
      : `A pin by ${maybe} would look the same from here: run it from another machine, or with another API key, and compare.`,
  ]
}

export function nextWhenSticky({ row }: Findings, { by }: Evidence): readonly string[] {
  const { name } = advice.get(row.name) ?? {}
  return by === 'cache' && name ? [`To see who answers: add \`${name.line}\` to ${name.into}.`] : []
}

export function nextWithoutKey(findings: Findings, { by }: Evidence): readonly string[] {
  if (by === 'cache') {
    return [
      'Who answered is not visible: it may be one backend, a cache that all share, or a pin by address, credential or prefix.',
      ...nameBackends(findings),
    ]
  }
  return [
    'The gateway pins by something else, such as the beginning of the prompt. If that is what you want, there is nothing to do.',
    ...onceAdvised(findings.row.name, []),
  ]
}

function nameBackends({ row }: Findings): string[] {
  const { name } = advice.get(row.name) ?? {}
  if (name) return [`To see who answers: add \`${name.line}\` to ${name.into}.`]
  return [
    'Have the gateway say in a header such as `x-backend` which backend has answered (docs/gateways has the line for yours).',
  ]
}

export function toldNoKey({ row, carriers }: Findings): string {
  return `${row.evidence?.outcome}: the gateway says that no key came, though ${carriers.join(' and ')} went out with each call.`
}

const echoHint = (carriers: readonly string[]): string =>
  `Run it with --echo to see whether ${carriers.join(' and ') || 'the key'} arrives behind the gateway.`

export function nextKeyLost(findings: Findings): readonly string[] {
  return [
    'Look for a hop between here and the gateway that passes on only the headers that it knows, and allow this one.',
    ...onceAdvised(findings.row.name, []),
    echoHint(findings.carriers),
  ]
}

export function otherName(found: string, carriers: readonly string[]): string {
  return `\`${carriers.join('` and `')}\` pins nothing; under \`${found}\` conversations stay on one backend.`
}

export function nextOtherName(found: string): string[] {
  return [
    `Send the key as \`${found}\`: \`gateway: { name: 'ours', headers: ['${found}'] }\` in the options of llm-affinity.`,
    'Or have the gateway hash the header that is sent.',
  ]
}

export function twin(lost: string, found: string): string {
  return `\`${lost}\` pins nothing and \`${found}\` does: a hop drops header names with underscores, as nginx does unless told otherwise.`
}

export function nextTwin(lost: string, found: string): string[] {
  return [
    `Send the key as \`${found}\`: \`gateway: { name: 'ours', headers: ['${found}'] }\` in the options of llm-affinity.`,
    `Or have that hop pass \`${lost}\` on: nginx does with \`underscores_in_headers on;\`.`,
  ]
}

export function noName(probe: Probes['names']): string[] {
  return probe === undefined ? [] : [`None of ${probe.tried} other header names pins either.`]
}

export function knownAndOff({ recognised = '', carriers }: Findings): string {
  return `It is ${advice.get(recognised)?.title ?? recognised} by its own headers, it was sent \`${carriers.join('` and `')}\`, which it reads, and it does not pin.`
}

export const orLost = 'If it is on: run it with --echo to see whether a hop before the gateway drops the header.'

export function nextNotSticky({ row, carriers, recognised }: Findings): readonly string[] {
  const steps = onceAdvised(recognised ?? row.name, [])
  return [
    ...(steps.length > 0
      ? steps
      : [
          `Have the gateway hash \`${carriers[0] ?? 'x-session-id'}\`; docs/gateways has the line for yours, and --gateway names it here.`,
        ]),
    echoHint(carriers),
  ]
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

export function nextUnhealthy({ faults }: Findings): string[] {
  const kinds = new Set(faults.map(({ kind }) => kind))
  const isOver = kinds.has('limited')
  return [
    isOver ? 'Wait for the rate limit, or ask for less: --conversations 2 --turns 4.' : '',
    kinds.has('broken') || kinds.has('unreachable')
      ? 'See which backends are dead, and have the gateway leave them out: `fail_duration` in Caddy, `check` in HAProxy, `max_fails` in nginx.'
      : '',
    kinds.has('cut')
      ? 'Streams break off: look for timeouts and limits of the hops between, and in the log of the gateway.'
      : '',
    kinds.has('silent') ? 'Ask a faster model, or when there is less to do.' : '',
    isOver && kinds.size === 1 ? '' : 'Then run it again.',
  ].filter((line) => line !== '')
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

export function nextUnknown(findings: Findings): string[] {
  const { cut, nonsense } = findings
  if (cut !== undefined && findings.sight !== undefined) {
    return [
      cut === 'time' ? 'Ask for less: --conversations 3 --turns 4, or a faster model.' : 'Give it more: --budget.',
    ]
  }
  return [
    ...nameBackends(findings),
    nonsense
      ? 'Or have the server say `usage.prompt_tokens_details.cached_tokens` as a whole number, not above `prompt_tokens`.'
      : 'Or have the server say what was cached: vLLM does with --enable-prompt-tokens-details, SGLang with --enable-cache-report.',
  ]
}

/** What is worth knowing whatever the verdict. */
export function besides({ figures: { affinity, control }, cut, faults, nonsense, sight }: Findings): string[] {
  const failed = affinity.failed + control.failed
  const ttft = [affinity.ttftLater, control.ttftLater].map((ms) =>
    ms === undefined ? undefined : `${Math.round(ms)} ms`,
  )
  const isTold = ttft.every((each) => each !== undefined)
  return [
    failed > 0 ? `${failed} of ${affinity.calls + control.calls} calls failed: ${faults[0]?.said ?? ''}.` : '',
    isTold ? `First token of later turns, median: ${ttft[0]} with the key, ${ttft[1]} without.` : '',
    nonsense && sight ? 'The `cached_tokens` that it says are no counts of tokens, and were left out.' : '',
    cut === undefined ? '' : `The ${cut} was used up before all calls were made.`,
  ].filter((line) => line !== '')
}
