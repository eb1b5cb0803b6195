// What the evidence proves, as questions with a yes or no answer. The thresholds are here and nowhere else.

import type { ArmEvidence, Evidence, Share } from '../analysis/evidence.js'

/** A result that decides a verdict with exit code 0. */
const SURE = 0.001
/** A difference between the arms. With six conversations in each, the least possible value is 0.0011. */
const DIFFERENT = 0.005
/** Above this, the arms do not differ. */
const SAME = 0.05
/** A backend that dies moves its conversations once. */
const STAYS = 0.95
/** Moves that chance would have caused: with fewer, an arm that stays proves nothing. */
const MIN_EXPECTED_MOVES = 10
const MIN_SETTLED = 8

/** Whether nearly all later turns stayed; from the second turn on where the first step is the exception. */
export function stays({ stayed, settled }: ArmEvidence): boolean {
  return isNearlyAll(stayed) || (settled.total >= MIN_SETTLED && isNearlyAll(settled))
}

/** Whether the conversations only stay from the second turn on. */
export function staysFromSecondTurn(arm: ArmEvidence): boolean {
  return stays(arm) && !isNearlyAll(arm.stayed)
}

/** Whether all of them, except for what a backend that dies explains. */
export function isNearlyAll({ count, total }: Share): boolean {
  // One conversation that moved once, however short the run.
  return count >= STAYS * total || (total >= 16 && count >= total - 1)
}

/** Whether the arm stays, and chance alone would not have kept it. */
export function follows(arm: ArmEvidence): boolean {
  return stays(arm) && isBeyondChance(arm)
}

/** Whether more turns stayed than chance explains. */
export function isBeyondChance({ chance, settledChance }: ArmEvidence): boolean {
  return Math.min(chance?.p ?? 1, settledChance?.p ?? 1) <= SURE
}

/** Whether chance explains how many turns stayed. */
export function isChance({ chance }: ArmEvidence): boolean {
  return chance !== undefined && chance.p > SAME
}

/** Whether the arm with the key stays more often than the other one. */
export function isHigher({ pHigher, pSettledHigher }: Evidence): boolean {
  return Math.min(pHigher, pSettledHigher) <= DIFFERENT
}

/** Whether the arm with the key stays no more often than the other one. */
export function isSame({ pHigher, pSettledHigher }: Evidence): boolean {
  return Math.min(pHigher, pSettledHigher) > SAME
}

/** Whether moves would have been seen in this arm if nothing pinned. */
export function wouldMove({ chance, stayed }: ArmEvidence): boolean {
  return chance === undefined || (1 - chance.expected) * stayed.total >= MIN_EXPECTED_MOVES
}
