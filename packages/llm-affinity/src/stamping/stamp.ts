import type { Gateway } from '../gateways/gateway.js'
import { keyIn } from '../session/key.js'
import { type DetachedScope, isDetachedScope } from '../session/scope.js'
import type { Session } from '../session/session.js'

/** The gateway that a call goes to. */
export interface Target {
  readonly gateway: Gateway
  /** Empty if it is not known. */
  readonly origin: string
  /** The body field that carries the key at this URL. */
  readonly field: string | undefined
}

/** What to write into a request, and for which session. */
export interface Stamp {
  readonly session: Session
  readonly key: string
  /** A header that names the session's parent, where the gateway reads one. */
  readonly parent: readonly [name: string, key: string] | undefined
}

/**
 * The stamp of a request that is made in this scope and goes to this gateway; undefined if it gets none. Computed for every
 * attempt, since sessions are re-pinned.
 */
export function stampFor(
  scope: Session | DetachedScope,
  { keyPattern, parent, requiresKey }: Gateway,
): Stamp | undefined {
  const session = isDetachedScope(scope) ? (requiresKey === true ? scope.lane : undefined) : scope
  const own = session?.key
  if (session === undefined || own === undefined || own === '') return undefined
  const key = keyIn(own, keyPattern)
  // Not for a side call: the parent of its lane is the session that it must not be pinned to.
  const parentKey = parent === undefined || session !== scope ? '' : keyIn(session.parent?.key ?? '', keyPattern)
  // A fork that shares its parent's cache has its parent's key.
  const isNamed = parent !== undefined && parentKey !== '' && parentKey !== key
  return { session, key, parent: isNamed ? [parent, parentKey] : undefined }
}
