import type { Outcome } from 'llm-affinity'

/** With a session's key, or without. */
export type Arm = 'affinity' | 'control'

export const ARMS: readonly Arm[] = ['affinity', 'control']

/** One call of an arm. */
export interface Call {
  readonly arm: Arm
  /** Counted from 1 within an arm. */
  readonly conversation: number
  /** Counted from 1 within a conversation. */
  readonly turn: number
  readonly answer: Answer
}

/** What a call returned. An absent property was not reported. */
export interface Answer {
  readonly status?: number
  /** Absent: the answer is complete. */
  readonly fault?: Fault
  readonly text: string
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
  /** The cookies that it set, by name. */
  readonly cookies: ReadonlyMap<string, string>
  /** Milliseconds until the first event of the stream. */
  readonly ttft?: number
  readonly promptTokens?: number
  readonly cachedTokens?: number
  /** It reported a number of cached tokens that cannot be one. */
  readonly invalidCachedTokens?: true
  /** Which of the request's headers carried the session's key; `body` where its body did. */
  readonly carriers: readonly string[]
  /** The names of all headers of the request, as the SDK and llm-affinity sent it. */
  readonly sentHeaders: readonly string[]
  /** How often the call was repeated after a 429. Absent: not at all. */
  readonly rateLimited?: number
  /** The response headers whose value is the key. */
  readonly echoes: readonly string[]
  readonly outcome?: Outcome
}

/** The kinds of faults, by what they mean for the user. */
export type FaultKind =
  | 'unresolved'
  | 'unreachable'
  | 'insecure'
  | 'silent'
  | 'stalled'
  | 'unauthorized'
  | 'no-model'
  | 'no-path'
  | 'no-llm'
  | 'json-answer'
  | 'unsupported'
  | 'no-stream'
  | 'too-long'
  | 'needs-key'
  | 'refused'
  | 'limited'
  | 'broken'
  | 'cut'
  | 'aborted'

/** Why a call failed. */
export interface Fault {
  readonly kind: FaultKind
  readonly status?: number
  /** The text of the error, without the status. */
  readonly message: string
  /** Milliseconds, from the `retry-after` of a 429. */
  readonly retryAfterMs?: number
}
