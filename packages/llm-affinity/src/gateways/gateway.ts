/**
 * What stands in front of the backends, as data. A gateway of your own is an object of this shape:
 *
 * @example
 * withAffinity(client, { gateway: { name: 'ours', headers: ['x-conversation'], evidence: { backend: 'x-served-by' } } })
 */
export interface Gateway {
  /** How messages and outcomes call it. */
  readonly name: string
  /** The request headers that carry the key; all of them, with the same value. Empty where it reads none. */
  readonly headers: readonly string[]
  /** The header that carries the key of the session that this one is a child, lane or fork of. No known row has one. */
  readonly parent?: string
  /** The body field that carries the key, where no header does. Written into bodies that are the text of a JSON object. */
  readonly body?: BodyField
  /** The keys that it keeps whole. Any other is sent as 32 hex characters of its SHA-256, which this must match. */
  readonly keyPattern?: RegExp
  /** The hosts that it is known by: `api.example.com`. A `*` stands for any text: `*.example.com`, `api.*.example.com`. */
  readonly hosts?: readonly string[]
  /** It refuses calls without a key, or sends all of them to one backend, so that a sidecar must carry one too: a lane's. */
  readonly requiresKey?: boolean
  /** Its pins are for a session and a model, and not for a session alone: turns of two models are never compared. */
  readonly pinsPerModel?: boolean
  /** What its answers say of where they come from. */
  readonly evidence?: Evidence
}

/** A field of a JSON body, at its top. */
export interface BodyField {
  /** Its name, of letters, digits, `_` and `-`. */
  readonly field: string
  /** How the URL paths end that take it. A field that an API does not know makes some refuse the call. */
  readonly paths: readonly string[]
}

/** Response headers to read, by name. All are optional, and only what is there and sound counts. */
export interface Evidence {
  /** Says what became of the pin. */
  readonly outcome?: string
  /** What its words mean. Any other word means nothing. */
  readonly outcomeValues?: Readonly<Record<string, Result>>
  /** Names the backend that answered: one header, or several that do so together. Some of them alone are `ambiguous`. */
  readonly backend?: string | readonly string[]
  /** Where only a part of that is a name: what the first group of this matches. Several headers have spaces between. */
  readonly backendPattern?: RegExp
  /** A name may be that of several backends: another name is `moved`, but the same one is `unknown`. */
  readonly ambiguous?: boolean
  /** Says what the gateway took the key from. */
  readonly source?: string
  /** Returns the key: where it is another one than was sent, the answer is no evidence. */
  readonly echo?: string
  /** The model that was asked for, where the request's own body cannot be read. */
  readonly model?: string
  /** Counts the tries before the one of this answer, one header or several. */
  readonly retryHeaders?: readonly string[]
  /** Counts the tries that failed, that of an answer which is an error among them. One header or several. */
  readonly failureHeaders?: readonly string[]
}

/**
 * What became of the pin: `hit` it held; `miss` there was none; `repin` the gateway moved it; `moved` another backend
 * answered than last time; `disabled` the gateway does not pin this call; `unknown` nobody can tell.
 */
export type Result = 'hit' | 'miss' | 'repin' | 'moved' | 'disabled' | 'unknown'
