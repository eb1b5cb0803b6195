import { median } from 'simple-statistics'
import type { Arm, Call } from '../client/calls.js'
import type { BackendIdentifier } from './backend-identifier.js'
import { type LineageStep, lineages } from './lineage.js'

/** Of so many, so many did. */
export interface Share {
  readonly count: number
  readonly total: number
}

/** What became of one arm. What is absent could not be seen: that is not zero. */
export interface Figures {
  readonly calls: number
  readonly failed: number
  readonly conversations: number
  /** How often each backend answered, where answers name them. */
  readonly backends?: Readonly<Record<string, number>>
  /** Later turns that were answered by the backend of the turn before. */
  readonly sameBackend?: Share
  /** Later turns whose cache had seen the turn before, by `cached_tokens`. */
  readonly foundCache?: Share
  /** The most lineages that one conversation's `cached_tokens` have. */
  readonly lineages?: number
  /** Of the prompt tokens of later turns, from 0 to 1: how many were cached. */
  readonly cachedShare?: number
  readonly promptTokens?: number
  /** Milliseconds to the first token, medians. */
  readonly ttftFirst?: number
  readonly ttftLater?: number
  /** What the gateway itself said of its pins, in its own words. */
  readonly pinOutcomes?: Readonly<Record<string, number>>
  readonly pinSources?: Readonly<Record<string, number>>
}

export function figuresOf(
  all: readonly Call[],
  arm: Arm,
  sight: BackendIdentifier | undefined,
  words: PinHeaders = {},
): Figures {
  const calls = all.filter((call) => call.arm === arm)
  const well = calls.filter(({ answer }) => answer.fault === undefined)
  const talks = [...Map.groupBy(well, ({ conversation }) => conversation).values()].map(inOrder)
  const later = well.filter(({ turn }) => turn > 1)
  const isSeen = hasCache(all)
  const descents = isSeen ? talks.map(lineages) : []
  const counted = (isSeen ? later : []).flatMap(({ answer: { promptTokens, cachedTokens } }) =>
    promptTokens !== undefined && cachedTokens !== undefined ? [{ promptTokens, cachedTokens }] : [],
  )
  const prompted = sum(counted.map(({ promptTokens }) => promptTokens))
  const cached = sum(counted.map(({ cachedTokens }) => cachedTokens))
  const spent = well.flatMap(({ answer }) => answer.promptTokens ?? [])
  return {
    calls: calls.length,
    failed: calls.length - well.length,
    conversations: new Set(calls.map(({ conversation }) => conversation)).size,
    ...(sight && optional('backends', tally(well.map(({ answer }) => sight.backendOf(answer))))),
    ...(sight &&
      optional(
        'sameBackend',
        shareOfSteps(talks, (before, call) => sameBackend(sight, before, call)),
      )),
    ...optional(
      'foundCache',
      shareOfSteps(descents, (before, descent) => before.lineage === descent.lineage),
    ),
    ...optional('lineages', most(descents)),
    ...(prompted > 0 && { cachedShare: cached / prompted }),
    ...(spent.length > 0 && { promptTokens: sum(spent) }),
    ...optional('ttftFirst', medianOf(well.filter(({ turn }) => turn === 1).map(({ answer }) => answer.ttft))),
    ...optional('ttftLater', medianOf(later.map(({ answer }) => answer.ttft))),
    ...optional('pinOutcomes', tallyHeader(well, words.outcome)),
    ...optional('pinSources', tallyHeader(well, words.source)),
  }
}

// Servers without a cache, and those that do not report theirs, say 0 of every call, and a cache that is too small says
// hardly more. Only where some turn was found again is the absence of others a figure.
function hasCache(all: readonly Call[]): boolean {
  const talks = Map.groupBy(all, ({ arm, conversation }) => `${arm} ${conversation}`)
  return [...talks.values()].some((calls) => {
    const descents = lineages(inOrder(calls))
    return new Set(descents.map(({ lineage }) => lineage)).size < descents.length
  })
}

/** The headers in which a gateway speaks of its pins. */
export interface PinHeaders {
  readonly outcome?: string | undefined
  readonly source?: string | undefined
}

/** The turns of a conversation that were answered, in order. */
export function inOrder(calls: readonly Call[]): Call[] {
  return calls.toSorted((a, b) => a.turn - b.turn)
}

function sameBackend(sight: BackendIdentifier, before: Call, call: Call): boolean | undefined {
  const [from, to] = [sight.backendOf(before.answer), sight.backendOf(call.answer)]
  return from === undefined || to === undefined ? undefined : from === to
}

function shareOfSteps<Step extends Call | LineageStep>(
  talks: readonly (readonly Step[])[],
  did: (before: Step, step: Step) => boolean | undefined,
): Share | undefined {
  const all = talks.flatMap((talk) => talk.slice(1).map((step, at) => did(talk[at] as Step, step)))
  const known = all.filter((each) => each !== undefined)
  return known.length === 0 ? undefined : { count: known.filter(Boolean).length, total: known.length }
}

function most(descents: readonly (readonly LineageStep[])[]): number | undefined {
  const counts = descents.flatMap((talk) => (talk.length === 0 ? [] : [Math.max(...talk.map((each) => each.lineage))]))
  return counts.length === 0 ? undefined : Math.max(...counts)
}

function tallyHeader(calls: readonly Call[], header: string | undefined): Record<string, number> | undefined {
  return header === undefined ? undefined : tally(calls.map(({ answer }) => answer.headers.get(header)))
}

function tally(names: readonly (string | undefined)[]): Record<string, number> | undefined {
  const counts = new Map<string, number>()
  for (const name of names) if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts.size === 0 ? undefined : Object.fromEntries([...counts].toSorted(([a], [b]) => a.localeCompare(b)))
}

function medianOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : median(known)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function optional<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { readonly [Key in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [Key in Name]?: Value })
}
