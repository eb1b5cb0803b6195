import { keyIn } from '../session/key.js'
import { type DetachedScope, isDetachedScope } from '../session/scope.js'
import type { Session } from '../session/session.js'
import type { Extension, ExtensionRequest, Target } from './extension.js'

/** What to write into a request, and for which session. */
export interface Stamp {
  readonly session: Session
  readonly key: string
  /** A header that names the session's parent, where the gateway reads one. */
  readonly parent: readonly [name: string, key: string] | undefined
  /** The parts of extensions in the request. */
  readonly parts: readonly ExtensionRequest[]
}

const NONE: readonly ExtensionRequest[] = []

/**
 * The stamp of a request that is made in this scope and goes to this target; undefined if it gets none. Computed for every
 * attempt, since sessions are re-pinned.
 */
export function stampFor(
  scope: Session | DetachedScope,
  target: Target,
  extensions: readonly Extension[],
  body?: unknown,
): Stamp | undefined {
  const { keyPattern, parent, requiresKey } = target.gateway
  const session = isDetachedScope(scope) ? (requiresKey === true ? scope.lane : undefined) : scope
  const known = session?.key
  if (session === undefined || !known) return undefined
  const parts = extensions.length === 0 ? NONE : extensions.flatMap((each) => each.request(session, target, body) ?? [])
  // Read once more only where an extension may have re-pinned the session.
  const key = keyIn(extensions.length === 0 ? known : session.key, keyPattern)
  // Not for a side call: the parent of its lane is the session that it must not be pinned to.
  const parentKey = parent === undefined || session !== scope ? '' : keyIn(session.parent?.key ?? '', keyPattern)
  // A fork that shares its parent's cache has its parent's key.
  const isNamed = parent !== undefined && parentKey !== '' && parentKey !== key
  return { session, key, parent: isNamed ? [parent, parentKey] : undefined, parts }
}
