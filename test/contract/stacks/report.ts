import type { Found } from './batch.ts'
import type { KINDS } from './judge.ts'

const EXAMPLES = 12

/**
 * The faults of one kind, grouped by stack, each with the value of STACKS_REPLAY that plays it alone. Without its last
 * number, that value plays all calls of the stack: some faults need the calls before them. Empty if there are no faults.
 */
export function report(found: readonly Found[], kind: (typeof KINDS)[number]): string {
  const groups = Map.groupBy(
    found.filter((each) => each.kind === kind),
    ({ stack, call }) => `${stack.base} · ${stack.order.join(' · ')} · ${call?.script.name}`,
  )
  const lines = [...groups].map(([group, [first, ...more]]) =>
    [
      `${group}${more.length > 0 ? ` (${more.length + 1} times)` : ''}`,
      `    ${first?.detail}`,
      `    ${JSON.stringify({ ...first?.stack, order: undefined })} ${JSON.stringify(first?.call)}`,
      `    STACKS_REPLAY='${first?.replay}'`,
    ].join('\n'),
  )
  const rest = lines.length > EXAMPLES ? [`and ${lines.length - EXAMPLES} more stacks`] : []
  return [...lines.slice(0, EXAMPLES), ...rest].join('\n')
}
