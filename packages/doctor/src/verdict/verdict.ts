import type { Share } from '../analysis/figures.js'
import type { Probes } from '../analysis/findings.js'

export type Verdict =
  | 'sticky'
  | 'not-sticky'
  | 'sticky-without-key'
  | 'key-lost'
  | 'wrong-name'
  | 'affinity-off'
  | 'single-backend'
  | 'unhealthy'
  | 'unknown'

export interface Judgement {
  readonly verdict: Verdict
  /** The verdict, for a person. */
  readonly sentence: string
  readonly why: readonly string[]
  readonly next: readonly string[]
  /** What would make it surer, and can be found out. */
  readonly nextProbe?: keyof Probes
}

export const EXIT_CODES: Readonly<Record<Verdict, 0 | 1 | 2>> = {
  sticky: 0,
  'sticky-without-key': 0,
  'not-sticky': 1,
  'key-lost': 1,
  'wrong-name': 1,
  'affinity-off': 1,
  'single-backend': 2,
  unhealthy: 2,
  unknown: 2,
}

/** How conversations were followed from turn to turn. */
export interface Evidence {
  readonly by: 'backend' | 'cache'
  readonly affinity: Share
  readonly control: Share
}
