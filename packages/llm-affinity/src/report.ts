import { expected, kind, quoted } from './expected.js'
import { checked } from './policy.js'
import { readUsage } from './read-usage.js'
import type { Outcome, Session } from './session.js'
import type { Usage } from './tokens.js'

/** Why a turn found less in the cache than its last one left there: as far as can be told from outside. */
export type MissReason = 'first turn' | 'moved' | 'idle' | 'prefix changed' | 'unknown'

/** What happened to one session's calls so far. */
export interface SessionFigures {
  /** Answers, errors included. */
  readonly calls: number
  readonly hits: number
  /** `moved` and `repin`. */
  readonly moves: number
  /** Prompt tokens of the calls that said how much was cached, and how much was. */
  readonly promptTokens: number
  readonly cachedTokens: number
  /** `cachedTokens` of `promptTokens`; undefined where no call said. */
  readonly cachedShare: number | undefined
  /** The calls that found less than half of the last prompt in the cache, by their number from 1. */
  readonly misses: readonly { readonly call: number; readonly reason: MissReason }[]
}

export interface SessionReportOptions {
  /** Milliseconds after which a cache that nobody used is likely gone. @default 300_000 */
  readonly cacheLivesMs?: number
  /** How many sessions are kept; the one unused longest goes first. @default 1000 */
  readonly maxSessions?: number
}

const MAX_MISSES = 1000

interface Tally {
  calls: number
  hits: number
  moves: number
  promptTokens: number
  cachedTokens: number | undefined
  readonly misses: { readonly call: number; readonly reason: MissReason }[]
  /** By origin: what the last call there left in a cache, and when. */
  readonly last: Map<string, { readonly promptTokens: number; readonly at: number }>
}

/**
 * Counts, for each session, what its calls found: give its `onOutcome` to a seam.
 *
 * It reads usage as the caller reads his answers, and keeps counts only: no text, and no key but in memory.
 *
 * @throws TypeError when an option is no positive number.
 *
 * @example
 * const report = new SessionReport()
 * const openai = withAffinity(new OpenAI(), { onOutcome: report.onOutcome })
 * report.of(session)?.cachedShare
 */
export class SessionReport {
  readonly #cacheLivesMs: number
  readonly #maxSessions: number
  readonly #tallies = new Map<string, Tally>()

  constructor(options: SessionReportOptions = {}) {
    const { cacheLivesMs = 300_000, maxSessions = 1000, ...others } = checked(options)
    const [stranger] = Object.keys(others)
    if (stranger !== undefined) {
      throw expected('report options to be `cacheLivesMs` and `maxSessions`', quoted(stranger))
    }
    this.#cacheLivesMs = positive('cacheLivesMs', cacheLivesMs)
    this.#maxSessions = positive('maxSessions', maxSessions)
  }

  /** The listener for the seams. Bound: hand it on as it is. */
  readonly onOutcome = (outcome: Outcome, response?: Response): void => {
    const tally = this.#tallyOf(outcome.session)
    tally.calls++
    if (outcome.result === 'hit') tally.hits++
    if (isMove(outcome)) tally.moves++
    const call = tally.calls
    if (response !== undefined && outcome.status < 400) {
      void readUsage(response).then((usage) => usage && this.#add(tally, call, outcome, usage))
    }
  }

  /** The figures of a session, or of another object of the same id, up to now. Undefined: it made no call, or was let go. */
  of(session: Session): SessionFigures | undefined {
    const tally = this.#tallies.get(placeOf(session))
    if (tally === undefined) return undefined
    const { calls, hits, moves, promptTokens, cachedTokens, misses } = tally
    const cachedShare = cachedTokens === undefined ? undefined : cachedTokens / (promptTokens || 1)
    return { calls, hits, moves, promptTokens, cachedTokens: cachedTokens ?? 0, cachedShare, misses: [...misses] }
  }

  #tallyOf(session: Session): Tally {
    const place = placeOf(session)
    const tally = this.#tallies.get(place) ?? {
      calls: 0,
      hits: 0,
      moves: 0,
      promptTokens: 0,
      cachedTokens: undefined,
      misses: [],
      last: new Map(),
    }
    this.#tallies.delete(place)
    this.#tallies.set(place, tally)
    const [oldest] = this.#tallies.size > this.#maxSessions ? this.#tallies.keys() : []
    if (oldest !== undefined) this.#tallies.delete(oldest)
    return tally
  }

  #add(tally: Tally, call: number, outcome: Outcome, { promptTokens, cachedTokens }: Usage): void {
    const at = Date.now()
    const last = tally.last.get(outcome.origin)
    tally.last.set(outcome.origin, { promptTokens, at })
    if (cachedTokens === undefined) return
    tally.promptTokens += promptTokens
    tally.cachedTokens = (tally.cachedTokens ?? 0) + cachedTokens
    if (cachedTokens * 2 >= (last?.promptTokens ?? promptTokens)) return
    tally.misses.push({ call, reason: this.#reasonOf(outcome, promptTokens, at, last) })
    if (tally.misses.length > MAX_MISSES) tally.misses.shift()
  }

  #reasonOf(
    outcome: Outcome,
    promptTokens: number,
    at: number,
    last: { readonly promptTokens: number; readonly at: number } | undefined,
  ): MissReason {
    if (last === undefined) return 'first turn'
    if (isMove(outcome)) return 'moved'
    if (at - last.at > this.#cacheLivesMs) return 'idle'
    // A history only grows, unless somebody wrote it anew: a compaction, an edit.
    return promptTokens < last.promptTokens ? 'prefix changed' : 'unknown'
  }
}

// The key of epoch 0: the same after a repin, and for every object that is made of the same id.
function placeOf(session: Session): string {
  return session.toJSON().key
}

function isMove({ result }: Outcome): boolean {
  return result === 'moved' || result === 'repin'
}

function positive(name: string, value: unknown): number {
  if (typeof value === 'number' && value > 0) return value
  throw expected(`\`${name}\` to be a positive number`, typeof value === 'number' ? String(value) : kind(value))
}
