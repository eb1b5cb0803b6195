// What the scope holds carries a mark and not a class, so that two copies of the package understand each other.
export const FRAME: unique symbol = Symbol.for('llm-affinity.frame.v1')

/** The mark of what a scope holds: `session`, `sidecar` or `nobody`. Anything else has none. */
export function frameOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && FRAME in value ? value[FRAME] : undefined
}
