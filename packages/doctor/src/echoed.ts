import { advice } from './advice.js'
import type { Overheard } from './overhear.js'

/** What the echo server has shown, judged. */
export interface Echoed {
  readonly verdict: 'key-arrives' | 'key-lost' | 'unknown'
  readonly exitCode: 0 | 1 | 2
  readonly sentence: string
  readonly why: readonly string[]
  readonly next: readonly string[]
}

export function judgeEcho(overheard: Overheard | undefined): Echoed {
  if (overheard === undefined) {
    return {
      verdict: 'unknown',
      exitCode: 2,
      sentence: 'Nothing has reached the echo server.',
      why: ['The calls went to the base URL, and none of them came through.'],
      next: [
        'Make it the backend of the model that --model names, in the place of the real one, and run it again.',
        'A gateway on another machine or in a container needs an address that it sees: --echo-host 0.0.0.0.',
      ],
    }
  }
  const { sent, arrived, changed, lost, othersLost, gateway } = overheard
  const others =
    othersLost.length === 0 ? [] : [`Of other names these do not come through either: ${listed(othersLost)}.`]
  const gone = [...lost, ...changed]
  if (sent.length > 0 && gone.length === 0) {
    return {
      verdict: 'key-arrives',
      exitCode: 0,
      sentence: `The key arrives behind the gateway: ${listed(arrived)}.`,
      why: others,
      next: [
        'If conversations move all the same, the gateway does not use it. Run the doctor without --echo, with the real backends.',
      ],
    }
  }
  const kept = advice.get(gateway)?.keepsHeaders === true
  return {
    verdict: 'key-lost',
    exitCode: 1,
    sentence: sent.length === 0 ? 'No key was sent.' : `The key is sent, and does not arrive: ${listed(gone)}.`,
    why: [
      ...(lost.length > 0 ? [`Lost on the way: ${listed(lost)}.`] : []),
      ...(changed.length > 0 ? [`Arrived with another value: ${listed(changed)}.`] : []),
      ...(arrived.length > 0 ? [`Arrived: ${listed(arrived)}.`] : []),
      ...others,
    ],
    next: [
      kept
        ? 'This gateway keeps the headers of its clients to itself. Put the echo server in its place, to see what reaches it.'
        : 'Put the echo server one hop nearer, until the key arrives: the hop before last is the one that drops it. Some gateways keep the headers of their clients to themselves.',
      ...(gone.some((name) => name.includes('_'))
        ? ['Names with underscores are dropped by nginx unless it is told `underscores_in_headers on;`.']
        : []),
    ],
  }
}

function listed(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ')
}
