import { OURS, type StackShape } from './stack.ts'

/**
 * Why a request to a named origin may lack the key: when it passed our interceptor, or when the request that it was made
 * from did, its origin was not a named one. The documentation gives each reason. Any other is a fault.
 */
export const documented: readonly { readonly reason: string; readonly applies: (stack: StackShape) => boolean }[] = [
  {
    reason: 'a `redirect` or a failover below our interceptor has sent a foreign request to a named origin',
    applies: ({ order }) => order.slice(0, order.indexOf(OURS)).some((name) => /^(redirect|failover)/.test(name)),
  },
]
