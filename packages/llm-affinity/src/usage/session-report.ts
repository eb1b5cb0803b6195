import { nameOf } from '../session/name.js'
import { isSession, type Outcome, type Session } from '../session/session.js'
import { checkOptions, counted, expected, kind } from '../util/errors.js'
import { remember } from '../util/lru.js'
import { answeredBy, type Diagnosis } from './diagnosis.js'
import type { Usage } from './parse-usage.js'
import { readEnds } from './read-ends.js'
import { readUsage } from './read-usage.js'

/**
 * The likely reason why a call found little in the cache:
 *
 * - `first turn`: the first call of the session to that origin that this report has read, unless it has dropped a session.
 * - `moved`: another backend answered, or the session was re-pinned.
 * - `idle`: there was no call for longer than `cacheTtlMs`.
 * - `prefix changed`: the prompt is shorter than the last one, so its history was rewritten.
 * - `unknown`: none of these.
 */
export type MissReason = 'first turn' | 'moved' | 'idle' | 'prefix changed' | 'unknown'

/** A call that found less than half of what it can share with the last one in the cache. */
export interface Miss {
  /** The number of the call in the session, from 1. */
  readonly call: number
  readonly reason: MissReason
  /** The provider's own word for the reason, such as `tools_changed`, with the option `diagnostics`. */
  readonly providerReason?: string
}

/** The figures of one session so far. */
export interface SessionFigures {
  /** Answers, errors included. */
  readonly calls: number
  /** Outcomes that were `hit`. */
  readonly hits: number
  /** Outcomes that were `moved` or `repin`. */
  readonly moves: number
  /** Of the calls whose answers reported cached tokens. */
  readonly promptTokens: number
  readonly cachedTokens: number
  /** `cachedTokens` divided by `promptTokens`. Undefined if no answer reported them. */
  readonly cachedShare: number | undefined
  /** The last 100. */
  readonly misses: readonly Miss[]
}

/** Options of `SessionReport`. */
export interface SessionReportOptions {
  /** Milliseconds after which a cache that nobody used is likely gone. @default 300_000 */
  readonly cacheTtlMs?: number
  /** How many sessions are remembered: those that were used last. @default 1000 */
  readonly maxSessions?: number
  /** Reads the provider's own verdict too, where calls ask for it: with a `CacheDiagnostics`, or themselves. @default false */
  readonly diagnostics?: boolean
}

const MAX_MISSES = 100
const MAX_ORIGINS = 10

interface Tally {
  calls: number
  hits: number
  moves: number
  promptTokens: number
  cachedTokens: number
  readonly misses: Miss[]
  /** By origin, what was read last. */
  readonly last: Map<string, Turn>
  /** Whether there may have been calls to an origin that is not in `last`. */
  hasForgotten: boolean
}

/** What a call has left in a cache, as far as it is known. */
interface Turn {
  readonly key: string
  readonly backend: string | undefined
  readonly promptTokens: number
  readonly at: number
}

/**
 * Counts for each session what its calls found in the cache. Pass its `onOutcome` to an integration.
 *
 * Usage is read while the caller reads the answer, where the integration is a fetch; other integrations only report outcomes.
 * It keeps counts, keys and names of backends in memory, and no text.
 *
 * @throws TypeError if an option is wrong.
 *
 * @example
 * const report = new SessionReport()
 * const openai = withAffinity(new OpenAI(), { onOutcome: report.onOutcome })
 * report.get(session)?.cachedShare
 */
export class SessionReport {
  readonly #cacheTtlMs: number
  readonly #maxSessions: number
  readonly #diagnostics: boolean
  readonly #tallies = new Map<string, Tally>()
  #hasForgotten = false

  constructor(options: SessionReportOptions = {}) {
    const {
      cacheTtlMs = 300_000,
      maxSessions = 1000,
      diagnostics = false,
    } = checkOptions(options, ['cacheTtlMs', 'maxSessions', 'diagnostics'], '{ maxSessions: 1000 }')
    this.#cacheTtlMs = positive('cacheTtlMs', cacheTtlMs)
    this.#maxSessions = positive('maxSessions', maxSessions)
    if (typeof diagnostics !== 'boolean') throw expected('`diagnostics` to be a boolean', kind(diagnostics))
    this.#diagnostics = diagnostics
    if (!Number.isSafeInteger(maxSessions)) throw expected('`maxSessions` to be a whole number', String(maxSessions))
  }

  /** The listener for integrations. It is bound, so it can be passed as it is. */
  readonly onOutcome = (outcome: Outcome, response?: Response): void => {
    const { session, result, status, backend, origin } = outcome
    const name = nameOf(session)
    const tally = this.#tallies.get(name) ?? newTally(this.#hasForgotten)
    if (remember(this.#tallies, name, tally, this.#maxSessions)) this.#hasForgotten = true
    const call = ++tally.calls
    if (result === 'hit') tally.hits++
    if (isMove(outcome)) tally.moves++
    if (response === undefined || status >= 400) return
    const began = performance.now()
    const { key } = session
    let diagnosis: Diagnosis | undefined
    // Before the usage, so that it is known when the usage is.
    if (this.#diagnostics) {
      readEnds(response, (read) => {
        diagnosis = answeredBy(read).diagnosis
      })
    }
    void readUsage(response).then((usage) => {
      if (usage === undefined) return
      const last = tally.last.get(origin)
      const turn: Turn = { key, backend, promptTokens: usage.promptTokens, at: performance.now() }
      const reason = last ? this.#reasonOf(outcome, turn, began, last) : tally.hasForgotten ? 'unknown' : 'first turn'
      if (remember(tally.last, origin, turn, MAX_ORIGINS)) tally.hasForgotten = true
      if (!add(tally, usage, last)) return
      const providerReason = diagnosis?.reason
      tally.misses.push({ call, reason, ...(providerReason !== undefined && { providerReason }) })
      if (tally.misses.length > MAX_MISSES) tally.misses.shift()
    })
  }

  /**
   * The figures of a session so far, from this object or another one with the same id and key. Undefined if no answer to it has
   * been reported, or too many other sessions have been used since.
   */
  get(session: Session): SessionFigures | undefined {
    if (!isSession(session)) throw expected('`session` to be a Session', kind(session))
    const tally = this.#tallies.get(nameOf(session))
    if (tally === undefined) return undefined
    const { last: _, hasForgotten: _forgotten, misses, ...sums } = tally
    const cachedShare = sums.promptTokens > 0 ? sums.cachedTokens / sums.promptTokens : undefined
    return { ...sums, cachedShare, misses: [...misses] }
  }

  #reasonOf(outcome: Outcome, turn: Turn, began: number, last: Turn): MissReason {
    const isElsewhere = last.backend !== undefined && turn.backend !== undefined && last.backend !== turn.backend
    if (isMove(outcome) || isElsewhere || last.key !== turn.key) return 'moved'
    const idle = began - last.at
    if (idle > this.#cacheTtlMs) return 'idle'
    // Of calls that overlap, neither is the other's history.
    return idle >= 0 && turn.promptTokens < last.promptTokens ? 'prefix changed' : 'unknown'
  }
}

function newTally(hasForgotten: boolean): Tally {
  return { calls: 0, hits: 0, moves: 0, promptTokens: 0, cachedTokens: 0, misses: [], last: new Map(), hasForgotten }
}

// Whether it was a miss. Without a count of cached tokens it is not one.
function add(tally: Tally, { promptTokens, cachedTokens }: Usage, last: Turn | undefined): boolean {
  if (cachedTokens === undefined) return false
  tally.promptTokens += promptTokens
  tally.cachedTokens += cachedTokens
  return cachedTokens * 2 < Math.min(promptTokens, last?.promptTokens ?? promptTokens)
}

function isMove({ result }: Outcome): boolean {
  return result === 'moved' || result === 'repin'
}

function positive(name: string, value: unknown): number {
  if (typeof value === 'number' && value > 0) return value
  throw expected(`\`${name}\` to be a positive number`, counted(value))
}
