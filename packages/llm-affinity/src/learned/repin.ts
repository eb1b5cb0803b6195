import { checkOptions, counted, expected, kind } from '../util/errors.js'
import type { Conversation, Place } from './conversation.js'

/** When a conversation leaves a backend that fails. */
export interface RepinOptions {
  /**
   * The number of failures in a row. These count: a connection error, a 429 or 5xx, an error inside a 200, a stream that
   * ends empty or breaks, and a stall, with `stallMs`. Calls that the caller aborts do not count.
   */
  readonly after: number
  /** Milliseconds between two moves, since each costs a cold cache. Not before the first answer after a move. @default 60_000 */
  readonly coolDownMs?: number
  /** Milliseconds after which a conversation returns to its first backend, to try it. Default: it stays. */
  readonly returnMs?: number
  /** Milliseconds without data, while the caller waits for some, that are a failure. Default: no time is. */
  readonly stallMs?: number
  /** Ends a call that stalls with a `TimeoutError`, so that the SDK makes its next attempt. @default false */
  readonly abortOnStall?: boolean
  /** Required with a gateway that sends a call elsewhere itself when a backend fails: both would move. @default false */
  readonly evenWithFailover?: boolean
}

/** The checked options. */
export interface RepinPolicy {
  readonly after: number
  readonly coolDownMs: number
  readonly returnMs: number | undefined
  readonly stallMs: number | undefined
  readonly abortOnStall: boolean
  readonly evenWithFailover: boolean
}

// Moves without an answer between them, before the cool-down counts again: if all backends fail, moving does not help.
const MAX_BARREN = 3

/** @throws TypeError if an option is wrong. */
export function repinPolicyOf(options: RepinOptions): RepinPolicy {
  const names = ['after', 'coolDownMs', 'returnMs', 'stallMs', 'abortOnStall', 'evenWithFailover']
  const given = checkOptions(options, names, '{ after: 2 }', '`repin`')
  const { after, coolDownMs = 60_000, returnMs, stallMs, abortOnStall = false, evenWithFailover = false } = given
  if (!Number.isSafeInteger(after) || after < 1)
    throw expected('`repin.after` to be a whole number from 1', counted(after))
  for (const [name, value] of Object.entries({ coolDownMs, returnMs, stallMs })) {
    const isTime = typeof value === 'number' && value >= (name === 'coolDownMs' ? 0 : 1) && value < 2 ** 31
    if (value !== undefined && !isTime)
      throw expected(`\`repin.${name}\` to be a number of milliseconds`, counted(value))
  }
  for (const [name, value] of Object.entries({ abortOnStall, evenWithFailover })) {
    if (typeof value !== 'boolean') throw expected(`\`repin.${name}\` to be a boolean`, kind(value))
  }
  if (abortOnStall && stallMs === undefined) throw expected('`repin.stallMs` beside `abortOnStall`', 'none')
  return { after, coolDownMs, returnMs, stallMs, abortOnStall, evenWithFailover }
}

/** Counts a failure, and moves the conversation if it is time. Returns whether it moved. */
export function countFailure(of: Conversation, place: Place, policy: RepinPolicy, now: number): boolean {
  place.failures++
  if (place.failures < policy.after) return false
  const isCooling = of.movedAt !== undefined && now - of.movedAt < policy.coolDownMs
  const isGood = of.good === of.epoch
  if (isCooling && (isGood || of.barren >= MAX_BARREN)) return false
  if (!isCooling) of.barren = 0
  const { epoch, home, good } = of
  // Back from a visit to the first backend, which still fails.
  const isVisit = epoch === home && good !== undefined && good > epoch
  of.home = policy.returnMs === undefined ? undefined : (home ?? epoch)
  of.move(isVisit ? good : Math.max(epoch, good ?? 0) + 1)
  of.movedAt = now
  of.barren++
  return true
}

/** Counts an answer. */
export function countAnswer(of: Conversation, place: Place): void {
  place.failures = 0
  // On a visit, the backend that it came from stays the good one until the next move.
  if (of.good === undefined || of.epoch > of.good || of.home === undefined) of.good = of.epoch
  of.barren = 0
}

/** Brings a conversation back to its first backend, if it is time to try it. Returns whether it moved. */
export function returnHome(of: Conversation, policy: RepinPolicy, now: number): boolean {
  const { home, movedAt, epoch } = of
  if (policy.returnMs === undefined || home === undefined || home === epoch || movedAt === undefined) return false
  if (now - movedAt < policy.returnMs) return false
  of.move(home)
  of.movedAt = now
  return true
}
