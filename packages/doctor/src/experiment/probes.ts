import { randomUUID } from 'node:crypto'
import type { Gateway } from 'llm-affinity/gateways'
import type { BackendIdentifier } from '../analysis/backend-identifier.js'
import { readCaches } from '../analysis/cache-steps.js'
import { type Evidence, evidenceByCache, evidenceByName } from '../analysis/evidence.js'
import type { Probes } from '../analysis/findings.js'
import { compareWithChance, type Placement } from '../analysis/significance.js'
import { type ApiAdapter, MAX_TOKENS } from '../client/api-adapters.js'
import { type ChatClient, type Connection, connectClient } from '../client/chat-client.js'
import { addressesTo, fetchFrom } from '../client/from-address.js'
import type { TokenBudget } from '../client/token-budget.js'
import { orAborted } from '../util/or-aborted.js'
import { follows, isHeldByKey, isUnlikely, stays, staysOnlyWithKey } from '../verdict/statistics.js'
import { always, playArms } from './arms.js'
import { askWithin, type Length, secondTurn } from './conversation.js'
import { otherHeaderNames, otherSpellings } from './header-names.js'
import { callsOf, type Plan, sizeOf } from './plan.js'

/** What all probes need. */
export interface ProbeContext {
  readonly connection: Connection
  readonly budget: TokenBudget
  /** Undefined: only `cached_tokens` show where calls went, and they need long prompts. */
  readonly identifier: BackendIdentifier | undefined
  readonly plan: Plan
  /** The block in which the caches count, where it was measured. */
  readonly blockTokens: number | undefined
  /** The host of the base URL. */
  readonly host: string
  /** Returns the client of a call without a key. */
  readonly connectWithout: (connection: Connection) => ChatClient
  /** Makes an adapter with another API key. Undefined: the user's own API key is not replaced. */
  readonly otherCredential: ((apiKey: string) => ApiAdapter) | undefined
}

const SHORT: Length = { opening: 24, question: 8 }

/** Conversations and turns of each arm. The last look decides whether a name is reported. */
const FIRST_LOOK = { conversations: 6, turns: 4 }
const HALVES = { conversations: 4, turns: 4 }
const LAST_LOOK = { conversations: 8, turns: 5 }

// Short prompts are half replies and templates, which the words of a plan do not count.
const OVERHEAD = 2

/** What `probeHeaderNames` needs, with short prompts. */
export function tokensForNames(budget: TokenBudget): number {
  const halvings = Math.ceil(Math.log2(otherHeaderNames([]).length))
  const looks = [FIRST_LOOK, ...Array.from({ length: halvings }, () => HALVES), LAST_LOOK]
  return looks.reduce(
    (sum, look) => sum + OVERHEAD * budget.tokensFor(sizeOf({ ...look, length: SHORT })) + callsOf(look) * MAX_TOKENS,
    0,
  )
}

/**
 * Looks for a header by whose value the gateway pins, among all known names: first all of them against none, then one half
 * against the other, and so on, then the one that is left against none. Undefined where budget or time did not suffice for the
 * first look.
 */
export async function probeHeaderNames(context: ProbeContext, sent: readonly string[]): Promise<Probes['names']> {
  const all = otherHeaderNames(sent)
  const tried = all.length
  const { identifier, plan, budget } = context
  // Prompts as long as those of the conversations where the budget allows: some gateways ignore the pin of a short one.
  const cost =
    2 * FIRST_LOOK.conversations * FIRST_LOOK.turns * budget.tokensFor(plan.length.opening + 3 * plan.length.question)
  const isShort = identifier !== undefined && cost > (budget.limit - budget.spent) / 2
  const length = isShort ? SHORT : plan.length
  const short = isShort ? ({ isShort: true } as const) : {}
  const first = await compareNames(context, length, FIRST_LOOK, all, undefined)
  if (first === undefined) return undefined
  // A look that only leads to the next one need not be significant.
  if (!staysOnlyWithKey(first)) return { tried, ...short }
  // What is known if budget or time end before the last look.
  const soFar = (names: readonly string[]): Probes['names'] =>
    pins(first) ? { tried, among: names, ...short } : { tried, ...short }
  let left = all
  // The other spellings of what was sent come first, and are the likeliest.
  let size = otherSpellings(sent).length || Math.ceil(all.length / 2)
  for (; left.length > 1; size = Math.ceil(left.length / 2)) {
    const half = left.slice(0, size)
    const rest = left.slice(half.length)
    const compared = await compareNames(context, length, HALVES, half, rest)
    if (compared === undefined) return soFar(left)
    if (stays(compared.affinity) === stays(compared.control)) {
      // Both pin, or chance hid it: the first half decides by itself.
      const alone = await compareNames(context, length, FIRST_LOOK, half, undefined)
      if (alone === undefined) return soFar(left)
      left = staysOnlyWithKey(alone) ? half : rest
    } else {
      left = stays(compared.affinity) ? half : rest
    }
  }
  const last = await compareNames(context, length, LAST_LOOK, left, undefined)
  if (last === undefined) return soFar(left)
  const [found] = left
  return pins(last) && found !== undefined ? { tried, found, ...short } : { tried, ...short }
}

// As many names are tried, the arm must both follow its key and stay more often than the one without.
function pins(evidence: Evidence): boolean {
  return isHeldByKey(evidence) && (evidence.by === 'cache' || follows(evidence.affinity))
}

/** Plays conversations with the key under these names, and as many under the others, or without a key. */
async function compareNames(
  { connection, budget, identifier, plan, blockTokens, connectWithout }: ProbeContext,
  length: Length,
  { conversations, turns }: { readonly conversations: number; readonly turns: number },
  headers: readonly string[],
  others: readonly string[] | undefined,
): Promise<Evidence | undefined> {
  const withNames = (names: readonly string[]): Gateway => ({ name: 'probe', headers: names })
  const schedule = { turns, length, pauseMs: identifier === undefined ? plan.pauseMs : 0 }
  const calls = await playArms(budget, connection.signal, schedule, [
    { arm: 'affinity', conversations, connect: () => always(connectClient(connection, withNames(headers))) },
    {
      arm: 'control',
      conversations,
      connect: () =>
        others === undefined ? () => connectWithout(connection) : always(connectClient(connection, withNames(others))),
    },
  ])
  if (connection.signal.aborted || calls.length < 2 * conversations * turns) return undefined
  return identifier === undefined ? evidenceByCache(readCaches(calls, blockTokens)) : evidenceByName(calls, identifier)
}

const KEYS = 6
const CALLS_PER_KEY = 4
const KEY_ROUNDS = 2

/**
 * Whether calls that share only their key reach one backend, and other keys reach others. The prompts are second turns of
 * unrelated conversations: some gateways only look at a pin where the history has an answer.
 */
export async function probeKey(context: ProbeContext, gateway: Gateway): Promise<Probes['key']> {
  const placement = new Map<number, ReadonlyMap<number, string>>()
  for (let round = 0; round < KEY_ROUNDS; round++) {
    const clients = Array.from({ length: KEYS }, () => always(connectClient(context.connection, gateway)))
    const placed = await placementOf(context, clients, CALLS_PER_KEY)
    for (const [index, backends] of placed) placement.set(round * KEYS + index, backends)
    const pinned = isPinned(placement)
    const backends = backendsIn(placement)
    if (backends === 0) return undefined
    if (pinned || round === KEY_ROUNDS - 1) return { pins: pinned, backends }
  }
  return undefined
}

/** Whether calls from other addresses, or with other credentials, reach other backends, where that can be tried. */
export async function probeClientIdentity(context: ProbeContext): Promise<NonNullable<Probes['client']>> {
  const { connection, host, otherCredential, connectWithout } = context
  const addresses =
    (await orAborted(
      connection.signal,
      addressesTo(host).catch(() => []),
    )) ?? []
  const fromAddresses = addresses.map((address) => {
    const own = { ...connection, fetch: fetchFrom(address) }
    return () => connectWithout(own)
  })
  const byAddress = await placementOf(context, fromAddresses, CALLS_PER_KEY)
  if (isPinned(byAddress)) return { address: true, backends: backendsIn(byAddress) }
  const otherClients =
    otherCredential === undefined
      ? []
      : Array.from({ length: 2 * KEYS }, () => {
          const own = { ...connection, adapter: otherCredential(randomUUID()) }
          return () => connectWithout(own)
        })
  const byCredential = await placementOf(context, otherClients, CALLS_PER_KEY)
  return {
    ...(byAddress.size > 2 && { address: false }),
    ...(byCredential.size > 0 && { credential: isPinned(byCredential) }),
    backends: backendsIn(
      new Map([...byAddress, ...[...byCredential].map(([index, own]) => [-1 - index, own] as const)]),
    ),
  }
}

// Each client is treated as a conversation: its calls stay together beyond chance, or they do not.
function isPinned(placement: Placement): boolean {
  const isTogether = [...placement.values()].every((backends) => new Set(backends.values()).size <= 1)
  return isTogether && isUnlikely(compareWithChance(placement))
}

function backendsIn(placement: Placement): number {
  return new Set([...placement.values()].flatMap((all) => [...all.values()])).size
}

/** The backend of several calls of each client, by the index of the client. */
async function placementOf(
  { connection, budget, identifier }: ProbeContext,
  clients: readonly (() => ChatClient)[],
  calls: number,
): Promise<Map<number, ReadonlyMap<number, string>>> {
  const placed = await Promise.all(
    clients.map(async (clientOf) => {
      const backends = new Map<number, string>()
      for (let turn = 1; turn <= calls && !connection.signal.aborted; turn++) {
        const answer = await askWithin(budget, clientOf(), secondTurn(SHORT))
        const backend = answer && answer.fault === undefined ? identifier?.backendOf(answer) : undefined
        if (backend !== undefined) backends.set(turn, backend)
      }
      return backends
    }),
  )
  return new Map([...placed.entries()].filter(([, backends]) => backends.size > 0))
}
