// What the evidence proves, as questions with a yes or no answer. The thresholds are here and nowhere else.

import type { ArmEvidence, Evidence, Share } from '../analysis/evidence.js'
import type { Chance } from '../analysis/significance.js'

/** A result that decides a verdict with exit code 0. */
const SURE = 0.001
/** A difference between the arms. With six conversations in each, the least possible value is 0.0011. */
const DIFFERENT = 0.01
/** Above this, the arms do not differ. */
const SAME = 0.05
/** A backend that dies moves its conversations once. */
const STAYS = 0.95
/** How far an arm may be above chance, as a share of what chance does not keep, and still be called chance. */
const MAX_EXCESS = 0.2
/** Moves that chance would have caused: with fewer, an arm that stays proves nothing. */
const MIN_EXPECTED_MOVES = 6
const MIN_SETTLED = 8
/** In fewer turns, a single move may be the first of many: a part of the calls may spill over. */
const MIN_TURNS_TO_EXCUSE = 24
const MAX_CLOSE = 0.2

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

/** Whether a turn moved, and there were too few turns to excuse it by a backend that died. */
export function hasDoubtfulMove({ stayed, settled }: ArmEvidence): boolean {
  if (settled.count === settled.total && settled.total >= MIN_SETTLED) return false
  const { count, total } = isNearlyAll(stayed) ? stayed : settled
  return count < total && total < MIN_TURNS_TO_EXCUSE
}

/** Whether the arm stays, and chance alone would not have kept it. */
export function follows(arm: ArmEvidence): boolean {
  return stays(arm) && isBeyondChance(arm)
}

/** Whether more turns stayed than chance explains. */
export function isBeyondChance({ chance, settledChance }: ArmEvidence): boolean {
  return [chance, settledChance].some((each) => each !== undefined && isUnlikely(each))
}

/** Whether chance alone would hardly ever give this. */
export function isUnlikely({ p }: Chance): boolean {
  return p <= SURE
}

/** Whether chance explains how many turns stayed, and a pin of a part of the calls is unlikely. */
export function isChance({ chance, stayed }: ArmEvidence): boolean {
  if (chance === undefined) return false
  const excess = (stayed.count / stayed.total - chance.expected) / (1 - chance.expected)
  return chance.p > SAME && excess <= MAX_EXCESS
}

/** Whether the arm with the key stays more often than the other one. */
export function isHigher({ pHigher, pSettledHigher }: Evidence): boolean {
  return Math.min(pHigher, pSettledHigher) <= DIFFERENT
}

/** The same, beyond doubt: for a verdict that rests on this comparison alone. */
export function isSurelyHigher({ pHigher, pSettledHigher }: Evidence): boolean {
  return Math.min(pHigher, pSettledHigher) <= SURE
}

/** Whether the arm with the key stays, the other one does not, and the difference is significant. */
export function isHeldByKey(evidence: Evidence): boolean {
  return staysOnlyWithKey(evidence) && isHigher(evidence)
}

/** The same for names: where the arm follows its key by itself, a smaller difference between the arms is enough. */
export function isHeldByName(evidence: Evidence): boolean {
  return isHeldByKey(evidence) || (staysOnlyWithKey(evidence) && follows(evidence.affinity) && !isSame(evidence))
}

/** Whether the arm with the key stays and the other one does not, significantly or by chance. */
export function staysOnlyWithKey({ affinity, control }: Evidence): boolean {
  return stays(affinity) && !stays(control)
}

/** Whether the arm with the key stays no more often than the other one. */
export function isSame({ pHigher, pSettledHigher }: Evidence): boolean {
  return Math.min(pHigher, pSettledHigher) > SAME
}

/** Whether the shares of both arms are close. Caches alone do not show what chance would do. */
export function isClose({ affinity, control }: Evidence): boolean {
  return affinity.stayed.count / affinity.stayed.total - control.stayed.count / control.stayed.total <= MAX_CLOSE
}

/** Whether moves would have been seen in this arm if nothing pinned. */
export function wouldMove({ chance, stayed }: ArmEvidence): boolean {
  return chance === undefined || (1 - chance.expected) * stayed.total >= MIN_EXPECTED_MOVES
}
