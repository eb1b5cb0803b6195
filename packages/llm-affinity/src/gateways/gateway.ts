/**
 * A gateway, as data. A user-defined gateway is an object of this shape:
 *
 * @example
 * withAffinity(client, { gateway: { name: 'ours', headers: ['x-conversation'], evidence: { backend: 'x-served-by' } } })
 */
export interface Gateway {
  /** Its name in messages and outcomes. */
  readonly name: string
  /** The request headers that carry the key, all with the same value. Empty if it reads none. */
  readonly headers: readonly string[]
  /** The header that carries the key of the parent session. No known gateway has one. */
  readonly parent?: string
  /** The body field that carries the key. It is only written into bodies that are the text of a JSON object. */
  readonly body?: BodyField
  /** The keys that it accepts unchanged. Any other is sent as 32 hex characters of its SHA-256, which this must match. */
  readonly keyPattern?: RegExp
  /** The hosts by which it is recognised: `api.example.com`. A `*` stands for any text: `*.example.com`, `api.*.example.com`. */
  readonly hosts?: readonly string[]
  /** It rejects calls without a key, or sends all of them to one backend, so side calls carry the key of a lane. */
  readonly requiresKey?: boolean
  /** It pins a session for each model separately: turns of different models are not compared. */
  readonly pinsPerModel?: boolean
  /** The response headers that show which backend answered. */
  readonly evidence?: Evidence
}

/** A top-level field of a JSON body. */
export interface BodyField {
  /** Its name, of letters, digits, `_` and `-`. */
  readonly field: string
  /** The ends of the URL paths whose bodies get it. Some APIs reject a call with an unknown field. */
  readonly paths: readonly string[]
}

/** Response headers to read, by name. All are optional; missing and invalid values are ignored. */
export interface Evidence {
  /** Reports the outcome of the pin. */
  readonly outcome?: string
  /** The meaning of its values. Any other value is `unknown`. */
  readonly outcomeValues?: Readonly<Record<string, Result>>
  /** Names the backend: one header, or several together. If some of several are missing, the name is `ambiguous`. */
  readonly backend?: string | readonly string[]
  /** The part of it that is the name: the first group, or the whole match. Several headers are joined by spaces. */
  readonly backendPattern?: RegExp
  /** Several backends may share a name: another name is `moved`, but the same one is `unknown`. */
  readonly ambiguous?: boolean
  /** Reports what the gateway took the key from. */
  readonly source?: string
  /** Returns the key. If it is not the key that was sent, the answer is ignored. */
  readonly echo?: string
  /** The model, where the body of the request cannot be read. */
  readonly model?: string
  /** Counts the attempts before the one that this answers: one header or several. */
  readonly retryHeaders?: readonly string[]
  /** Counts the attempts that failed, including this one if the answer is an error: one header or several. */
  readonly failureHeaders?: readonly string[]
}

/**
 * The outcome of the pin. `hit`: it held. `miss`: there was none. `repin`: the gateway moved it. `moved`: another backend
 * answered than last time. `disabled`: the gateway does not pin this call. `unknown`: there is not enough evidence.
 */
export type Result = 'hit' | 'miss' | 'repin' | 'moved' | 'disabled' | 'unknown'
