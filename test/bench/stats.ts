import { median, quantile } from 'simple-statistics'

/** A figure and the interval that it is in with 95 % confidence. */
export interface Estimate {
  readonly ratio: number
  readonly low: number
  readonly high: number
}

const RESAMPLES = 1000

/**
 * `statistic` of all rounds, with a percentile bootstrap of it: whole rounds are drawn anew, with replacement, so that
 * what was measured side by side stays together. Medians have no simpler interval once one is divided by another.
 */
function estimate(rounds: number, statistic: (rounds: readonly number[]) => number): Estimate {
  const all = Array.from({ length: rounds }, (_, i) => i)
  const drawn = Array.from({ length: RESAMPLES }, () => statistic(all.map(() => Math.floor(Math.random() * rounds))))
  return { ratio: statistic(all), low: quantile(drawn, 0.025), high: quantile(drawn, 0.975) }
}

/** What is the ratio of `a` to `b`: the median of the ratios of rounds that ran side by side. */
export function ratioOf(a: readonly number[], b: readonly number[]): Estimate {
  return estimate(a.length, (rounds) => medianRatio(rounds, a, b))
}

/**
 * What `a` adds to `base`, as a multiple of what `b` adds to it. Where `b` adds less than can be told from nothing,
 * it is taken to add `floor`, the half width of the noise, as a share of `base`: the multiple is then a lower bound.
 */
export function addedOf(a: readonly number[], b: readonly number[], base: readonly number[], floor: number): Estimate {
  return estimate(
    base.length,
    (rounds) => (medianRatio(rounds, a, base) - 1) / Math.max(medianRatio(rounds, b, base) - 1, floor),
  )
}

function medianRatio(rounds: readonly number[], a: readonly number[], b: readonly number[]): number {
  return median(rounds.map((i) => (a[i] ?? Number.NaN) / (b[i] ?? Number.NaN)))
}
