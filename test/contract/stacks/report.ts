import type { Found } from './batch.ts'
import type { KINDS } from './judge.ts'

const EXAMPLES = 12

/**
 * What was found of one kind, grouped by stack, each with the way to play it alone. Without its last number,
 * that plays all calls of the stack: some faults need those before. Empty where nothing was found.
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
