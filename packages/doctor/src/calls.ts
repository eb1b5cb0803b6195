import type { Outcome } from 'llm-affinity'

/** With the key of a session, or bare. */
export type Arm = 'affinity' | 'control'

export const ARMS: readonly Arm[] = ['affinity', 'control']

/** What one call showed. What is absent was not said. */
export interface Call {
  readonly arm: Arm
  /** Counted from 1 within an arm. */
  readonly conversation: number
  /** Counted from 1 within a conversation. */
  readonly turn: number
  readonly answer: Answer
}

export interface Answer {
  readonly status?: number
  /** Absent: it was answered, to the end. */
  readonly fault?: Fault
  readonly text: string
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
  /** The cookies that were set, by name. */
  readonly cookies: ReadonlyMap<string, string>
  /** Milliseconds until the first event of the stream. */
  readonly ttft?: number
  readonly promptTokens?: number
  readonly cachedTokens?: number
  /** It said a number of cached tokens that cannot be one. */
  readonly nonsense?: true
  /** Which of the request's headers carried the session's key; `body` where its body did. */
  readonly carriers: readonly string[]
  /** All headers of the request, by name, as they left the SDK and the seam. */
  readonly sentHeaders: readonly string[]
  /** The response headers that returned it. */
  readonly echoes: readonly string[]
  readonly outcome?: Outcome
}

export type FaultKind =
  | 'unresolved'
  | 'unreachable'
  | 'insecure'
  | 'silent'
  | 'unauthorized'
  | 'no-model'
  | 'no-path'
  | 'no-llm'
  | 'refused'
  | 'limited'
  | 'broken'
  | 'cut'
  | 'aborted'

/** Why a call came to nothing. */
export interface Fault {
  readonly kind: FaultKind
  readonly status?: number
  /** In the words of whoever said it, without the status. */
  readonly said: string
}
