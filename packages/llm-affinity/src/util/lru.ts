/**
 * Sets an entry of a map as the most recently used one, and drops the least recently used one if there are more than `max`.
 *
 * @returns Whether one was dropped.
 */
export function remember<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, max: number): boolean {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.size > max ? map.keys() : []
  return oldest !== undefined && map.delete(oldest)
}
