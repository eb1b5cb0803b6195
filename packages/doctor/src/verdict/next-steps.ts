// What to do about a verdict, one line each. What to configure at a gateway is in advice.ts.

import { gatewayAt, gateways } from 'llm-affinity/gateways'
import type { Evidence } from '../analysis/evidence.js'
import type { Findings, Probes } from '../analysis/findings.js'
import { learnedCode } from '../client/learning.js'
import { advice, withAdvice } from './advice.js'

export function whenPinnedBy(pin: 'address' | 'credential', { gateway }: Findings): readonly string[] {
  const what = pin === 'address' ? 'from this address' : 'with this credential'
  return [
    `All conversations ${what} share one backend, and the others are idle. To spread them, configure the gateway to hash the key instead.`,
    ...withAdvice(gateway.name, []),
  ]
}

export function whenOnOne(client: Probes['client']): string[] {
  const open = [client?.address === undefined && 'this address', client?.credential === undefined && 'this API key']
  const maybe = open.filter(Boolean).join(' or ')
  return [
    'With one backend you do not need affinity. If there are more, find out why the gateway does not use them.',
    maybe === ''
      ? ''
      : `A pin by ${maybe} would look the same from here: run the doctor from another machine, or with another API key, and compare.`,
  ]
}

export function whenOneName(findings: Findings): string[] {
  return ['If there is one backend, you do not need affinity.', ...exposeBackend(findings)]
}

export function whenSticky(findings: Findings, { by }: Evidence): readonly string[] {
  return [...codeLine(findings), ...(by === 'cache' ? exposingLine(findings.gateway.name) : [])]
}

/** What the application writes to send the key as this run did. None where `withAffinity(client)` does so by itself. */
function codeLine({ gateway, target, learned }: Findings): string[] {
  const { name, headers } = gateway
  const isDefault = ['generic', 'none', gatewayAt(new URL(target.baseUrl).hostname)?.name].includes(name)
  // A gateway of the table has advice; that of --header has none.
  const option = advice.has(name) ? `gateway: '${name}'` : optionFor(...headers)
  const options = [...(isDefault ? [] : [option]), ...(learned.length > 0 ? [learnedCode(learned)] : [])]
  if (options.length === 0) return []
  const from = learned.length > 0 ? ", with `LearnedState` from 'llm-affinity/learned'. See docs/state.md" : ''
  return [`In your code, send the key as this run did: \`withAffinity(client, { ${options.join(', ')} })\`${from}.`]
}

export function whenPartly(findings: Findings, { affinity }: Evidence): readonly string[] {
  const { gateway, issuedTokens, learned } = findings
  return [
    ...codeLine(findings),
    'Look in the configuration of the gateway for a limit of requests or load per backend, and for the lifetime of pins.',
    'If there are several instances of the gateway, let them hash the key, or share their pins.',
    affinity.moves.length > 0 && issuedTokens.length > 0 ? sendBack(issuedTokens, learned) : '',
    ...withAdvice(gateway.name, []),
  ]
}

export function whenWithoutKey({ gateway }: Findings): readonly string[] {
  return [
    'The gateway pins by something else, such as the beginning of the prompt. If you want that, there is nothing to do.',
    ...withAdvice(gateway.name, []),
  ]
}

export function whenOneForAllKeys(): readonly string[] {
  return [
    'Check that the gateway hashes the value of the header, and does not only test whether it is present.',
    'Check that all backends are up, then run the doctor again.',
  ]
}

export function whenBothFound(findings: Findings): readonly string[] {
  return exposeBackend(findings)
}

export function whenNamesConflict(findings: Findings): readonly string[] {
  return ['If a header names the backend, run the doctor with --backend-header NAME.', ...exposeBackend(findings)]
}

export function whenGuessMoves({ identifier }: Findings): readonly string[] {
  const by = identifier?.by ?? ''
  const cookie = by.startsWith('cookie ')
  return [
    cookie
      ? 'Configure the gateway to name the backend in a response header such as `x-backend`.'
      : `If \`${by}\` names the backend, run the doctor with --backend-header ${by}.`,
    cookie ? '' : 'If it does not, configure the gateway to name the backend in a response header such as `x-backend`.',
  ]
}

export function whenTooFew(findings: Findings): readonly string[] {
  const { stoppedBy } = findings
  if (stoppedBy === 'time') return ['Make fewer calls: --conversations 3 --turns 4, or use a faster model.']
  return ['Play more conversations: --conversations 20 --budget 1000000.', ...exposeBackend(findings)]
}

function exposeBackend({ gateway, identifier }: Findings): string[] {
  if (identifier !== undefined && identifier.trust !== 'guessed') return []
  const lines = exposingLine(gateway.name)
  return lines.length > 0
    ? lines
    : ['Configure the gateway to name the backend in a response header such as `x-backend`.']
}

function exposingLine(gateway: string): string[] {
  const { exposeBackend: name } = advice.get(gateway) ?? {}
  if (name === undefined) return []
  const needed = name.with === undefined ? '' : `, and \`${name.with.line}\` to ${name.with.into}`
  return [`To see which backend answers, add \`${name.line}\` to ${name.into}${needed}.`]
}

// The budget that was too small, doubled, or one that is enough for most.
const raiseBudget = ({ target }: Findings): string => `Raise --budget to ${Math.max(400_000, 2 * target.budget)}`

function echoHint({ carriers, options }: Pick<Findings, 'carriers'> & { readonly options: string }): string {
  const what = carriers.join(' and ') || 'the key'
  return `To see whether ${what} ${carriers.length > 1 ? 'arrive' : 'arrives'} behind the gateway, put an echo server there: \`llm-affinity-doctor ${options} --echo\`.`
}

const optionsOf = ({ target }: Findings): string => `--base-url ${target.baseUrl} --model ${target.model}`

export function whenKeyLost(findings: Findings): readonly string[] {
  return [
    'Look for a hop before the gateway that forwards only the headers that it knows, and allow this one.',
    ...withAdvice(findings.gateway.name, []),
    echoHint({ ...findings, options: optionsOf(findings) }),
  ]
}

export function whenOtherName(found: string): string[] {
  return [`Send the key as \`${found}\`: \`${optionFor(found)}\` in the options of llm-affinity.`, HASH_SENT]
}

export function whenOneOf(findings: Findings): string[] {
  return [`${raiseBudget(findings)} to find out which one.`, HASH_SENT]
}

const HASH_SENT = 'Or configure the gateway to hash the header that is sent.'

function optionFor(...names: readonly string[]): string {
  const entries = [...gateways.values()].filter(
    ({ headers }) => headers.length === 1 && headers.join() === names.join(),
  )
  return entries.length === 1
    ? `gateway: '${entries[0]?.name}'`
    : `gateway: { name: 'ours', headers: ['${names.join("', '")}'] }`
}

export function whenTwin(lost: string, found: string): string[] {
  return [
    `Send the key as \`${found}\`: \`${optionFor(found)}\` in the options of llm-affinity.`,
    `Or configure that hop to forward \`${lost}\`: in nginx with \`underscores_in_headers on;\`.`,
  ]
}

export function orLost(findings: Findings): string[] {
  const hop = findings.otherHop === undefined ? 'a hop before the gateway' : findings.otherHop
  return [
    `If it is on, see whether ${hop} drops the header.`,
    ...codeLine(findings),
    echoHint({ ...findings, options: optionsOf(findings) }),
  ]
}

export function whenNotSticky(findings: Findings): readonly string[] {
  const { gateway, carriers, recognised, echoedIn, issuedTokens, learned } = findings
  const steps = withAdvice(recognised ?? gateway.name, [])
  return [
    ...(steps.length > 0
      ? steps
      : [
          `Configure the gateway to hash the header \`${carriers[0] ?? 'x-session-id'}\`. For a gateway that the doctor knows, --gateway NAME prints the line.`,
        ]),
    'If the gateway reads another header, run the doctor with `--header NAME`.',
    issuedTokens.length > 0 ? sendBack(issuedTokens, learned) : '',
    ...codeLine(findings),
    echoedIn.length > 0 ? '' : echoHint({ ...findings, options: optionsOf(findings) }),
  ]
}

function sendBack(tokens: readonly string[], learned: readonly string[]): string {
  const names = tokens.map((token) => `\`${token}\``).join(', ')
  return learned.length > 0
    ? `Giving back ${learned.map((token) => `\`${token}\``).join(', ')} did not keep conversations. Configure the gateway to hash the header of the key instead.`
    : `If the gateway pins by ${names}, it expects that back, and LLM clients do not give it back. Run the doctor with --learn to see whether llm-affinity can: with \`${learnedCode(tokens)}\`. Or configure the gateway to hash the header of the key.`
}

export const STALLED =
  'Check whether a hop buffers streams (`proxy_buffering off;` in nginx), and whether the backend stops in mid-answer.'

export function whenUnhealthy({ faults, isModelListed, figures: { affinity, control } }: Findings): string[] {
  const isAll = [affinity, control].every(({ calls, failed }) => failed === calls)
  const kinds = new Set(faults.map(({ kind }) => kind))
  const isLimited = kinds.has('limited')
  return [
    isAll && isModelListed !== true
      ? 'Check --model first: gateways also answer like this when no backend has the model.'
      : '',
    isLimited ? 'Wait for the rate limit, or make fewer calls: --conversations 3 --turns 4 --concurrency 1.' : '',
    kinds.has('unauthorized') ? 'Check whether the API key was revoked, or has used up its quota.' : '',
    kinds.has('broken') || kinds.has('unreachable')
      ? 'Find the dead backends, and configure the gateway to skip them: `fail_duration` in Caddy, `check` in HAProxy, `max_fails` in nginx.'
      : '',
    kinds.has('cut') ? 'Streams end early: check the timeouts and limits of all hops, and the log of the gateway.' : '',
    kinds.has('stalled') ? STALLED : '',
    kinds.has('no-llm')
      ? 'Some answers are pages and no LLM answers: look for a hop that asks to sign in, or shows an error page.'
      : '',
    kinds.has('silent') ? 'Use a faster model, or run the doctor when there is less load.' : '',
    isLimited && kinds.size === 1 ? '' : 'Then run the doctor again.',
  ].filter((line) => line !== '')
}

export function whenUnknown(findings: Findings): string[] {
  const { stoppedBy, invalidCachedTokens, identifier, cacheProblem } = findings
  if (stoppedBy !== undefined && identifier !== undefined) {
    return [
      stoppedBy === 'time'
        ? 'Make fewer calls: --conversations 3 --turns 4, or use a faster model.'
        : `${raiseBudget(findings)}.`,
    ]
  }
  if (cacheProblem === 'too-coarse') return [`${raiseBudget(findings)}.`, ...exposeBackend(findings)]
  return [
    ...exposeBackend(findings),
    invalidCachedTokens
      ? 'Or configure the server to report `usage.prompt_tokens_details.cached_tokens` as a whole number that is not above `prompt_tokens`.'
      : 'Or configure the server to report cached tokens: vLLM does with --enable-prompt-tokens-details, SGLang with --enable-cache-report.',
  ]
}
