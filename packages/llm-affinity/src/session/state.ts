import { isKey } from './key.js'

/** A session as plain data, to store it between two turns. It contains ids and keys: protect it as you protect them. */
export interface SessionState {
  readonly version: 1
  readonly id: string
  /** The key at epoch 0. */
  readonly key: string
  readonly epoch: number
  readonly parent?: SessionState | null
  /** What extensions hold for the session: its learned state. */
  readonly held?: Readonly<Record<string, unknown>>
}

const HELD: unique symbol = Symbol.for('llm-affinity.held.v1')

type Held = Readonly<Record<string, { toJSON(): unknown }>>

/** What extensions hold for a session, by the name of the extension. It is serialised with the session. */
export function heldBy(session: object): Held {
  const { [HELD]: held }: { readonly [HELD]?: Held } = session
  return held ?? {}
}

/** Adds to what a session holds, which may come from another copy of this package. */
export function hold(session: object, name: string, value: { toJSON(): unknown }): void {
  // Not enumerable, so that logs and comparisons of sessions do not show it.
  Reflect.defineProperty(session, HELD, { value: { ...heldBy(session), [name]: value }, configurable: true })
}

/** Whether this has the form of a session's state. What extensions held is checked by them. */
export function isState(state: unknown): boolean {
  const { version, id, key, epoch }: Partial<SessionState> = Object(state)
  const isKnown = version === 1 && typeof id === 'string' && typeof key === 'string'
  return isKnown && (key === '' || isKey(key)) && isCount(epoch)
}

export function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
