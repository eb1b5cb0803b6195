import { median } from 'simple-statistics'
import type { Arm, Call } from '../client/calls.js'
import type { BackendIdentifier } from './backend-identifier.js'
import { type CacheReading, isVisible } from './cache-steps.js'
import type { Share } from './evidence.js'

/** What was observed in one arm. An absent figure could not be observed: that is not zero. */
export interface Figures {
  readonly calls: number
  readonly failed: number
  readonly conversations: number
  /** How often each backend answered, where answers name them. */
  readonly backends?: Readonly<Record<string, number>>
  /** Later turns that were answered by the backend of the turn before. */
  readonly sameBackend?: Share
  /** Later turns whose cache had seen the turn before, by `cached_tokens`, where these can tell turns apart. */
  readonly foundCache?: Share
  /** The cached share of the prompt tokens of later turns, from 0 to 1. */
  readonly cachedShare?: number
  readonly promptTokens?: number
  /** Milliseconds to the first token, medians. */
  readonly ttftFirst?: number
  readonly ttftLater?: number
  /** How often the gateway reported each outcome and each source of its pins, in its own format. */
  readonly pinOutcomes?: Readonly<Record<string, number>>
  readonly pinSources?: Readonly<Record<string, number>>
}

/** The headers in which a gateway reports on its pins. */
interface PinHeaders {
  readonly outcome?: string | undefined
  readonly source?: string | undefined
}

/** What the figures are computed from. */
export interface FiguresInput {
  readonly calls: readonly Call[]
  readonly identifier?: BackendIdentifier | undefined
  readonly caches: CacheReading
  readonly sameBackend?: Share | undefined
  readonly pinHeaders?: PinHeaders
}

/** The figures of one arm. */
export function figuresOf(
  arm: Arm,
  { calls: all, identifier, caches, sameBackend, pinHeaders = {} }: FiguresInput,
): Figures {
  const calls = all.filter((call) => call.arm === arm)
  const answered = calls.filter(({ answer }) => answer.fault === undefined)
  const later = answered.filter(({ turn }) => turn > 1)
  const steps = caches.steps.filter(({ call, isClear }) => call.arm === arm && isClear)
  // Servers without a cache report 0 for every call, as do those that do not report theirs.
  const counted = (isVisible(caches) ? later : []).flatMap(({ answer: { promptTokens, cachedTokens } }) =>
    promptTokens !== undefined && cachedTokens !== undefined ? [{ promptTokens, cachedTokens }] : [],
  )
  const prompted = sum(counted.map(({ promptTokens }) => promptTokens))
  const cached = sum(counted.map(({ cachedTokens }) => cachedTokens))
  const spent = answered.flatMap(({ answer }) => answer.promptTokens ?? [])
  const found = { count: steps.filter((step) => step.found).length, total: steps.length }
  return {
    calls: calls.length,
    failed: calls.length - answered.length,
    conversations: new Set(calls.map(({ conversation }) => conversation)).size,
    ...(identifier && optional('backends', tally(answered.map(({ answer }) => identifier.backendOf(answer))))),
    ...optional('sameBackend', sameBackend),
    ...optional('foundCache', isVisible(caches) && found.total > 0 ? found : undefined),
    ...(prompted > 0 && { cachedShare: cached / prompted }),
    ...(spent.length > 0 && { promptTokens: sum(spent) }),
    ...optional('ttftFirst', medianOf(answered.filter(({ turn }) => turn === 1).map(({ answer }) => answer.ttft))),
    ...optional('ttftLater', medianOf(later.map(({ answer }) => answer.ttft))),
    ...optional('pinOutcomes', tallyHeader(answered, pinHeaders.outcome)),
    ...optional('pinSources', tallyHeader(answered, pinHeaders.source)),
  }
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
