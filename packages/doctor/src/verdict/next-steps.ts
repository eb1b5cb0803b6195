// What to do about a verdict, one line each. What to configure at a gateway is in advice.ts.

import { gateways } from 'llm-affinity/gateways'
import type { Findings, Probes } from '../analysis/findings.js'
import { advice, withAdvice } from './advice.js'
import type { Evidence } from './verdict.js'

export function whenPinnedBy(pin: 'address' | 'credential', { gateway: row }: Findings): readonly string[] {
  const what = pin === 'address' ? 'from this address' : 'with this credential'
  return [
    `All conversations ${what} share one backend, and the others are idle. To spread them, configure the gateway to hash the key instead.`,
    ...withAdvice(row.name, []),
  ]
}

export function whenOnOne(origin: Probes['origin']): string[] {
  const open = [origin?.address === undefined && 'this address', origin?.credential === undefined && 'this API key']
  const maybe = open.filter(Boolean).join(' or ')
  return [
    'With one backend you do not need affinity. If there are more, find out why the gateway does not use them.',
    maybe === ''
      ? ''
      : `A pin by ${maybe} would look the same from here: run the doctor from another machine, or with another API key, and compare.`,
  ]
}

export function whenSticky({ gateway: row }: Findings, { by }: Evidence): readonly string[] {
  const { exposeBackend: name } = advice.get(row.name) ?? {}
  return by === 'cache' && name ? [`To see which backend answers, add \`${name.line}\` to ${name.into}.`] : []
}

export function whenWithoutKey(findings: Findings, { by }: Evidence): readonly string[] {
  if (by === 'cache') {
    return [
      'The backend is not visible: there may be one backend, a cache shared by all, or a pin by address, credential or prompt prefix.',
      ...nameBackends(findings),
    ]
  }
  return [
    'The gateway pins by something else, such as the beginning of the prompt. If you want that, there is nothing to do.',
    ...withAdvice(findings.gateway.name, []),
  ]
}

function nameBackends({ gateway: row }: Findings): string[] {
  const { exposeBackend: name } = advice.get(row.name) ?? {}
  if (name) return [`To see which backend answers, add \`${name.line}\` to ${name.into}.`]
  return ['Configure the gateway to name the backend in a response header such as `x-backend`.']
}

const echoHint = (carriers: readonly string[]): string =>
  `Run the doctor with --echo to see whether ${carriers.join(' and ') || 'the key'} ${carriers.length > 1 ? 'arrive' : 'arrives'} behind the gateway.`

export function whenKeyLost(findings: Findings): readonly string[] {
  return [
    'Look for a hop before the gateway that forwards only the headers that it knows, and allow this one.',
    ...withAdvice(findings.gateway.name, []),
    echoHint(findings.carriers),
  ]
}

export function whenOtherName(found: string): string[] {
  return [`Send the key as \`${found}\`: \`${optionFor(found)}\` in the options of llm-affinity.`, HASH_SENT]
}

export function whenOneOf(): string[] {
  return ['Raise --budget to 400000 to find out which one.', HASH_SENT]
}

const HASH_SENT = 'Or configure the gateway to hash the header that is sent.'

function optionFor(header: string): string {
  const rows = [...gateways.values()].filter(({ headers }) => headers.length === 1 && headers[0] === header)
  return rows.length === 1 ? `gateway: '${rows[0]?.name}'` : `gateway: { name: 'ours', headers: ['${header}'] }`
}

export function whenTwin(lost: string, found: string): string[] {
  return [
    `Send the key as \`${found}\`: \`${optionFor(found)}\` in the options of llm-affinity.`,
    `Or configure that hop to forward \`${lost}\`: in nginx with \`underscores_in_headers on;\`.`,
  ]
}

export const orLost =
  'If it is on, run the doctor with --echo to see whether a hop before the gateway drops the header.'

export function whenNotSticky({ gateway: row, carriers, recognised, echoedIn: echoed }: Findings): readonly string[] {
  const steps = withAdvice(recognised ?? row.name, [])
  return [
    ...(steps.length > 0
      ? steps
      : [
          `Configure the gateway to hash the header \`${carriers[0] ?? 'x-session-id'}\`. For a gateway that the doctor knows, --gateway NAME prints the line.`,
        ]),
    echoed.length > 0 ? '' : echoHint(carriers),
  ]
}

export function whenUnhealthy({ faults, isModelListed: listed, figures: { affinity, control } }: Findings): string[] {
  const isAll = [affinity, control].every(({ calls, failed }) => failed === calls)
  const kinds = new Set(faults.map(({ kind }) => kind))
  const isOver = kinds.has('limited')
  return [
    isAll && listed !== true
      ? 'Check --model first: gateways also answer like this when no backend has the model.'
      : '',
    isOver ? 'Wait for the rate limit, or make fewer calls: --conversations 2 --turns 4.' : '',
    kinds.has('broken') || kinds.has('unreachable')
      ? 'Find the dead backends, and configure the gateway to skip them: `fail_duration` in Caddy, `check` in HAProxy, `max_fails` in nginx.'
      : '',
    kinds.has('cut') ? 'Streams end early: check the timeouts and limits of all hops, and the log of the gateway.' : '',
    kinds.has('silent') ? 'Use a faster model, or run the doctor when there is less load.' : '',
    isOver && kinds.size === 1 ? '' : 'Then run the doctor again.',
  ].filter((line) => line !== '')
}

export function whenUnknown(findings: Findings): string[] {
  const { stoppedBy: cut, invalidCachedTokens: nonsense } = findings
  if (cut !== undefined && findings.identifier !== undefined) {
    return [
      cut === 'time' ? 'Make fewer calls: --conversations 3 --turns 4, or use a faster model.' : 'Raise --budget.',
    ]
  }
  return [
    ...nameBackends(findings),
    nonsense
      ? 'Or configure the server to report `usage.prompt_tokens_details.cached_tokens` as a whole number that is not above `prompt_tokens`.'
      : 'Or configure the server to report cached tokens: vLLM does with --enable-prompt-tokens-details, SGLang with --enable-cache-report.',
  ]
}
