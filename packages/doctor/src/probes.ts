import { randomUUID } from 'node:crypto'
import type { Gateway } from 'llm-affinity/gateways'
import pLimit from 'p-limit'
import { before } from './before.js'
import type { Answer, Call } from './calls.js'
import { converse, type Length } from './conversation.js'
import { figuresOf } from './figures.js'
import { addressesTo, fetchFrom } from './from-address.js'
import { type Caller, callerAt, type Place } from './line.js'
import { otherNames } from './names.js'
import { shuffled, steady } from './play.js'
import { prose } from './prose.js'
import type { Purse } from './purse.js'
import type { Sight } from './sight.js'
import type { Speaker } from './speakers.js'
import type { Probes } from './verdict.js'

/** What all probes need. */
export interface Bench {
  readonly place: Place
  readonly purse: Purse
  /** Undefined: only `cached_tokens` tell, and they need long prompts. */
  readonly sight: Sight | undefined
  readonly length: Length
  /** The gateway's, as in its URL. */
  readonly host: string
  /** A speaker with another credential. Undefined: it has one of its own to guard. */
  readonly stranger: ((apiKey: string) => Speaker) | undefined
}

const TALKS = 3
const TURNS = 4
const SHORT: Length = { opening: 24, question: 8 }

/**
 * Looks among all names that we know for one under which the key is heeded: all at once, then half of them, and so on.
 * Undefined where budget or time did not reach for as much as the first look.
 */
export async function findName(bench: Bench, sent: readonly string[]): Promise<Probes['names']> {
  const all = otherNames(sent)
  const tried = all.length
  const any = await keeps(bench, all)
  if (!any) return any === undefined ? undefined : { tried }
  let left = all
  while (left.length > 1) {
    const half = left.slice(0, Math.ceil(left.length / 2))
    const isInHalf = await keeps(bench, half)
    if (isInHalf === undefined) return { tried, among: left }
    left = isInHalf ? half : left.slice(half.length)
  }
  // It may have been left over by chance alone.
  const isIt = await keeps(bench, left)
  if (isIt === undefined) return { tried, among: left }
  const [found] = left
  return isIt && found !== undefined ? { tried, found } : { tried }
}

/** Whether conversations stay where they are with the key under these names. Undefined where they could not be had. */
async function keeps({ place, purse, sight, length }: Bench, headers: readonly string[]): Promise<boolean | undefined> {
  const gateway: Gateway = { name: 'probe', headers }
  const calls: Call[] = []
  const talks = Array.from({ length: TALKS }, () =>
    converse(purse, sight ? SHORT : length, steady(callerAt(place, gateway))),
  )
  for (let turn = 1; turn <= TURNS; turn++) {
    await Promise.all(
      shuffled([...talks.entries()]).map(async ([at, talk]) => {
        const answer = place.signal.aborted ? undefined : await talk.turn()
        if (answer !== undefined) calls.push({ arm: 'affinity', conversation: at + 1, turn, answer })
      }),
    )
  }
  const { stayed, descended } = figuresOf(calls, 'affinity', sight)
  const { did = 0, of = 0 } = (sight ? stayed : descended) ?? {}
  // One that has moved tells, however few they are.
  if (did < of) return false
  return calls.length < TALKS * TURNS || place.signal.aborted ? undefined : of > 0
}

const TRIES = 8

/** Whether calls with nothing in common but their key meet one backend, and equal calls with other keys others. */
export async function heedsKey(bench: Bench, gateway: Gateway): Promise<Probes['key']> {
  const { place } = bench
  const one = callerAt(place, gateway)
  const text = prose(SHORT.opening)
  const alike = await placesOf(
    bench,
    tries(() => [one, prose(SHORT.opening)]),
  )
  const apart = await placesOf(
    bench,
    tries(() => [callerAt(place, gateway), text]),
  )
  return alike.size === 0 || apart.size === 0 ? undefined : { heeded: alike.size === 1 && apart.size > 1 }
}

/** Whether calls go elsewhere that come from other addresses, or with other credentials, where such can be had. */
export async function findOrigin(bench: Bench): Promise<NonNullable<Probes['origin']>> {
  const { place, host, stranger } = bench
  const addresses =
    (await before(
      place.signal,
      addressesTo(host).catch(() => []),
    )) ?? []
  const elsewhere = await placesOf(
    bench,
    addresses.map((address) => [callerAt({ ...place, send: fetchFrom(address) }), prose(SHORT.opening)]),
  )
  if (elsewhere.size > 1) return { address: true }
  const others =
    stranger === undefined
      ? new Set()
      : await placesOf(
          bench,
          tries(() => [callerAt({ ...place, speaker: stranger(randomUUID()) }), prose(SHORT.opening)]),
        )
  return {
    ...(elsewhere.size > 0 && addresses.length > 2 && { address: false }),
    ...(others.size > 0 && { credential: others.size > 1 }),
  }
}

type Try = readonly [caller: Caller, text: string]

function tries(make: () => Try): Try[] {
  return Array.from({ length: TRIES }, make)
}

/** Who answered these calls. */
async function placesOf({ place, purse, sight }: Bench, all: readonly Try[]): Promise<ReadonlySet<string>> {
  const limit = pLimit(4)
  const answers = await Promise.all(
    all.map(([caller, text]) =>
      limit(async (): Promise<Answer | undefined> => {
        const settle = place.signal.aborted ? undefined : purse.pay(text.split(' ').length)
        if (settle === undefined) return undefined
        const answer = await caller.ask([{ role: 'user', content: text }])
        settle(answer.promptTokens)
        return answer
      }),
    ),
  )
  return new Set(answers.flatMap((answer) => (answer && !answer.fault ? (sight?.backendOf(answer) ?? []) : [])))
}
