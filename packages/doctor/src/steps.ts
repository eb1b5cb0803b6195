// What to do about a verdict, in one line each. What there is to do at a gateway stands in advice.ts.

import { gateways } from 'llm-affinity/gateways'
import { advice, onceAdvised } from './advice.js'
import type { Evidence, Findings, Probes } from './verdict.js'

export function whenPinnedBy(pin: 'address' | 'credential', { row }: Findings): readonly string[] {
  const what = pin === 'address' ? 'from this address' : 'with this credential'
  return [
    `All conversations ${what} share one backend, and the others are idle. To spread them, have the gateway hash the key instead.`,
    ...onceAdvised(row.name, []),
  ]
}

export function whenOnOne(origin: Probes['origin']): string[] {
  const open = [origin?.address === undefined && 'this address', origin?.credential === undefined && 'this API key']
  const maybe = open.filter(Boolean).join(' or ')
  return [
    'With one backend you do not need affinity. If there are more, see why the gateway does not use them.',
    maybe === ''
      ? ''
      : `A pin by ${maybe} would look the same from here: run it from another machine, or with another API key, and compare.`,
  ]
}

export function whenSticky({ row }: Findings, { by }: Evidence): readonly string[] {
  const { name } = advice.get(row.name) ?? {}
  return by === 'cache' && name ? [`To see who answers: add \`${name.line}\` to ${name.into}.`] : []
}

export function whenWithoutKey(findings: Findings, { by }: Evidence): readonly string[] {
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

const echoHint = (carriers: readonly string[]): string =>
  `Run it with --echo to see whether ${carriers.join(' and ') || 'the key'} arrives behind the gateway.`

export function whenKeyLost(findings: Findings): readonly string[] {
  return [
    'Look for a hop between here and the gateway that passes on only the headers that it knows, and allow this one.',
    ...onceAdvised(findings.row.name, []),
    echoHint(findings.carriers),
  ]
}

export function whenOtherName(found: string): string[] {
  return [`Send the key as \`${found}\`: \`${optionFor(found)}\` in the options of llm-affinity.`, HASH_SENT]
}

export function whenOneOf(): string[] {
  return ['Give it more to find out which one: --budget 400000.', HASH_SENT]
}

const HASH_SENT = 'Or have the gateway hash the header that is sent.'

function optionFor(header: string): string {
  const rows = [...gateways.values()].filter(({ headers }) => headers.length === 1 && headers[0] === header)
  return rows.length === 1 ? `gateway: '${rows[0]?.name}'` : `gateway: { name: 'ours', headers: ['${header}'] }`
}

export function whenTwin(lost: string, found: string): string[] {
  return [
    `Send the key as \`${found}\`: \`${optionFor(found)}\` in the options of llm-affinity.`,
    `Or have that hop pass \`${lost}\` on: nginx does with \`underscores_in_headers on;\`.`,
  ]
}

export const orLost = 'If it is on: run it with --echo to see whether a hop before the gateway drops the header.'

export function whenNotSticky({ row, carriers, recognised, echoed }: Findings): readonly string[] {
  const steps = onceAdvised(recognised ?? row.name, [])
  return [
    ...(steps.length > 0
      ? steps
      : [
          `Have the gateway hash \`${carriers[0] ?? 'x-session-id'}\`; docs/gateways has the line for yours, and --gateway names it here.`,
        ]),
    echoed.length > 0 ? '' : echoHint(carriers),
  ]
}

export function whenUnhealthy({ faults, listed, figures: { affinity, control } }: Findings): string[] {
  const isAll = [affinity, control].every(({ calls, failed }) => failed === calls)
  const kinds = new Set(faults.map(({ kind }) => kind))
  const isOver = kinds.has('limited')
  return [
    isAll && listed !== true
      ? 'Check --model first: gateways answer so, too, when no backend has the model that is asked for.'
      : '',
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

export function whenUnknown(findings: Findings): string[] {
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
