import type { Session } from './session.js'

/** The name of a conversation in memory: its key at epoch 0, which is the same after a repin, and its id, since a fork may
 * share a key. The beginning of the id is enough: a fork's is random. */
export function nameOf(session: Session): string {
  const { key, id } = session.toJSON()
  // Joined, since a string that grew would keep all of the id.
  return [key, id.slice(0, 64)].join(' ')
}
