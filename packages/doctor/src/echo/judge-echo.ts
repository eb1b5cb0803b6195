import { advice } from '../verdict/advice.js'
import type { EchoResult } from './run-echo-check.js'

/** The judged result of an echo check. */
export interface EchoJudgement {
  readonly verdict: 'key-arrives' | 'key-lost' | 'unknown'
  readonly exitCode: 0 | 1 | 2
  readonly sentence: string
  readonly why: readonly string[]
  readonly next: readonly string[]
}

export function judgeEcho(result: EchoResult | undefined): EchoJudgement {
  if (result === undefined) {
    return {
      verdict: 'unknown',
      exitCode: 2,
      sentence: 'No call reached the echo server.',
      why: ['Calls were sent to the base URL, and none of them arrived at the echo server.'],
      next: [
        'Configure the echo server as the backend of the model that --model names, in place of the real one, and run the doctor again.',
        'A gateway on another machine or in a container needs an address that it can reach: --echo-host 0.0.0.0.',
      ],
    }
  }
  const { sent, arrived, changed, lost, othersLost, gateway } = result
  const others = othersLost.length === 0 ? [] : [`Other header names that do not arrive: ${listed(othersLost)}.`]
  const gone = [...lost, ...changed]
  if (sent.length > 0 && gone.length === 0) {
    return {
      verdict: 'key-arrives',
      exitCode: 0,
      sentence: `The key arrives behind the gateway: ${listed(arrived)}.`,
      why: others,
      next: [
        'If conversations still move, the gateway does not use the key. Run the doctor without --echo, with the real backends.',
      ],
    }
  }
  const dropsHeaders = advice.get(gateway)?.dropsClientHeaders === true
  return {
    verdict: 'key-lost',
    exitCode: 1,
    sentence: sent.length === 0 ? 'No key was sent.' : `The key is sent but does not arrive: ${listed(gone)}.`,
    why: [
      ...(lost.length > 0 ? [`Lost on the way: ${listed(lost)}.`] : []),
      ...(changed.length > 0 ? [`Arrived with another value: ${listed(changed)}.`] : []),
      ...(arrived.length > 0 ? [`Arrived: ${listed(arrived)}.`] : []),
      ...others,
    ],
    next: [
      dropsHeaders
        ? 'This gateway does not forward the headers of its clients. Put the echo server in its place, to see what reaches it.'
        : 'Move the echo server one hop closer to the client until the key arrives: the hop that you moved it past last drops the key. Some gateways do not forward the headers of their clients.',
      ...(gone.some((name) => name.includes('_'))
        ? ['nginx drops header names with underscores unless its configuration has `underscores_in_headers on;`.']
        : []),
    ],
  }
}

function listed(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ')
}
