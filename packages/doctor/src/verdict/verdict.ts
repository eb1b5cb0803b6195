import type { Probes } from '../analysis/findings.js'

/** What the doctor has found out, in one word. README.md says what each means. */
export type Verdict =
  | 'sticky'
  | 'partly-sticky'
  | 'not-sticky'
  | 'sticky-without-key'
  | 'key-lost'
  | 'wrong-name'
  | 'affinity-off'
  | 'single-backend'
  | 'unhealthy'
  | 'unknown'

/** A verdict, with its reasons. */
export interface Judgement {
  readonly verdict: Verdict
  /** The verdict, for a person. */
  readonly sentence: string
  /** The evidence, one sentence each. */
  readonly why: readonly string[]
  /** What to do about it, one sentence each. Names and configuration lines are in back quotes. */
  readonly next: readonly string[]
  /** The probe that could make the verdict surer. */
  readonly nextProbe?: keyof Probes
}

/** 0: conversations stay. 1: they do not, or not always. 2: it cannot be told. */
export const EXIT_CODES: Readonly<Record<Verdict, 0 | 1 | 2>> = {
  sticky: 0,
  'sticky-without-key': 0,
  'partly-sticky': 1,
  'not-sticky': 1,
  'key-lost': 1,
  'wrong-name': 1,
  'affinity-off': 1,
  'single-backend': 2,
  unhealthy: 2,
  unknown: 2,
}
