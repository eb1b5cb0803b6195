import { randomUUID } from 'node:crypto'
import type { Gateway } from 'llm-affinity/gateways'
import pLimit from 'p-limit'
import type { BackendIdentifier } from '../analysis/backend-identifier.js'
import { figuresOf } from '../analysis/figures.js'
import type { Probes } from '../analysis/findings.js'
import type { ApiAdapter } from '../client/api-adapters.js'
import type { Answer, Call } from '../client/calls.js'
import { type ChatClient, type Connection, connectClient } from '../client/chat-client.js'
import { addressesTo, fetchFrom } from '../client/from-address.js'
import type { TokenBudget } from '../client/token-budget.js'
import { orAborted } from '../util/or-aborted.js'
import { prose } from '../util/prose.js'
import { always, shuffled } from './arms.js'
import { type Length, startConversation } from './conversation.js'
import { otherHeaderNames } from './header-names.js'

/** What all probes need. */
export interface ProbeContext {
  readonly connection: Connection
  readonly budget: TokenBudget
  /** Undefined: only `cached_tokens` tell, and they need long prompts. */
  readonly identifier: BackendIdentifier | undefined
  readonly length: Length
  /** The gateway's, as in its URL. */
  readonly host: string
  /** A speaker with another credential. Undefined: it has one of its own to guard. */
  readonly otherCredential: ((apiKey: string) => ApiAdapter) | undefined
}

const TALKS = 3
const TURNS = 4
const SHORT: Length = { opening: 24, question: 8 }

/**
 * Looks among all names that we know for one under which the key is heeded: all at once, then half of them, and so on.
 * Undefined where budget or time did not reach for as much as the first look.
 */
export async function probeHeaderNames(bench: ProbeContext, sent: readonly string[]): Promise<Probes['names']> {
  const all = otherHeaderNames(sent)
  const tried = all.length
  const any = await conversationsStay(bench, all)
  if (!any) return any === undefined ? undefined : { tried }
  let left = all
  while (left.length > 1) {
    const half = left.slice(0, Math.ceil(left.length / 2))
    const isInHalf = await conversationsStay(bench, half)
    if (isInHalf === undefined) return { tried, among: left }
    left = isInHalf ? half : left.slice(half.length)
  }
  // It may have been left over by chance alone.
  const isIt = await conversationsStay(bench, left)
  if (isIt === undefined) return { tried, among: left }
  const [found] = left
  return isIt && found !== undefined ? { tried, found } : { tried }
}

/** Whether conversations stay where they are with the key under these names. Undefined where they could not be had. */
async function conversationsStay(
  { connection: place, budget: purse, identifier: sight, length }: ProbeContext,
  headers: readonly string[],
): Promise<boolean | undefined> {
  const gateway: Gateway = { name: 'probe', headers }
  const calls: Call[] = []
  const talks = Array.from({ length: TALKS }, () =>
    startConversation(purse, sight ? SHORT : length, always(connectClient(place, gateway))),
  )
  for (let turn = 1; turn <= TURNS; turn++) {
    await Promise.all(
      shuffled([...talks.entries()]).map(async ([at, talk]) => {
        const answer = place.signal.aborted ? undefined : await talk.turn()
        if (answer !== undefined) calls.push({ arm: 'affinity', conversation: at + 1, turn, answer })
      }),
    )
  }
  const { sameBackend: stayed, foundCache: descended } = figuresOf(calls, 'affinity', sight)
  const { count: did = 0, total: of = 0 } = (sight ? stayed : descended) ?? {}
  // One that has moved tells, however few they are.
  if (did < of) return false
  return calls.length < TALKS * TURNS || place.signal.aborted ? undefined : of > 0
}

const TRIES = 8

/** Whether calls with nothing in common but their key meet one backend, and equal calls with other keys others. */
export async function probeKey(bench: ProbeContext, gateway: Gateway): Promise<Probes['key']> {
  const { connection: place } = bench
  const one = connectClient(place, gateway)
  const text = prose(SHORT.opening)
  const alike = await backendsOf(
    bench,
    tries(() => [one, prose(SHORT.opening)]),
  )
  const apart = await backendsOf(
    bench,
    tries(() => [connectClient(place, gateway), text]),
  )
  return alike.size === 0 || apart.size === 0 ? undefined : { heeded: alike.size === 1 && apart.size > 1 }
}

/** Whether calls go elsewhere that come from other addresses, or with other credentials, where such can be had. */
export async function probeClientIdentity(bench: ProbeContext): Promise<NonNullable<Probes['origin']>> {
  const { connection: place, host, otherCredential: stranger } = bench
  const addresses =
    (await orAborted(
      place.signal,
      addressesTo(host).catch(() => []),
    )) ?? []
  const elsewhere = await backendsOf(
    bench,
    addresses.map((address) => [connectClient({ ...place, fetch: fetchFrom(address) }), prose(SHORT.opening)]),
  )
  if (elsewhere.size > 1) return { address: true }
  const others =
    stranger === undefined
      ? new Set()
      : await backendsOf(
          bench,
          tries(() => [connectClient({ ...place, adapter: stranger(randomUUID()) }), prose(SHORT.opening)]),
        )
  return {
    ...(elsewhere.size > 0 && addresses.length > 2 && { address: false }),
    ...(others.size > 0 && { credential: others.size > 1 }),
  }
}

type Try = readonly [caller: ChatClient, text: string]

function tries(make: () => Try): Try[] {
  return Array.from({ length: TRIES }, make)
}

/** Who answered these calls. */
async function backendsOf(
  { connection: place, budget: purse, identifier: sight }: ProbeContext,
  all: readonly Try[],
): Promise<ReadonlySet<string>> {
  const limit = pLimit(4)
  const answers = await Promise.all(
    all.map(([caller, text]) =>
      limit(async (): Promise<Answer | undefined> => {
        const settle = place.signal.aborted ? undefined : purse.reserve(text.split(' ').length)
        if (settle === undefined) return undefined
        const answer = await caller.ask([{ role: 'user', content: text }])
        settle(answer.promptTokens)
        return answer
      }),
    ),
  )
  return new Set(answers.flatMap((answer) => (answer && !answer.fault ? (sight?.backendOf(answer) ?? []) : [])))
}
