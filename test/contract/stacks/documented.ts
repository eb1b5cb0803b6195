import { OURS, type StackShape } from './stack.ts'

/**
 * Why a request to a named origin may be without the key: it passed ours, or was made below ours from one that passed,
 * with an origin that is not named. Each reason is one that the documentation gives. Any other is a fault.
 */
export const documented: readonly { readonly reason: string; readonly applies: (stack: StackShape) => boolean }[] = [
  {
    reason: 'a `redirect` or a failover below ours has led a foreign request to a named origin',
    applies: ({ order }) => order.slice(0, order.indexOf(OURS)).some((name) => /^(redirect|failover)/.test(name)),
  },
]
