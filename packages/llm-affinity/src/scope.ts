import { AsyncLocalStorage } from '#async-context'

interface Store {
  run<T>(value: unknown, fn: () => T): T
  getStore(): unknown
}

// Two copies of this package in one process, or two bundles of it, must see one scope. The version in the name
// stands for the shape of what is stored: session.ts, `Frame`.
const SLOT = Symbol.for('llm-affinity.scope.v1')

function sharedStore(): Store | undefined {
  const shared: { [SLOT]?: Store } & typeof globalThis = globalThis
  if (shared[SLOT] === undefined && AsyncLocalStorage !== undefined) {
    Object.defineProperty(shared, SLOT, { value: new AsyncLocalStorage() })
  }
  return shared[SLOT]
}

const store = sharedStore()

/** Whether this runtime has async context at all. */
export const hasContext: boolean = store !== undefined

/**
 * Runs `fn` with `value` as the current one, for all that `fn` calls and awaits, and gives back what `fn` returns.
 * Only ever `run`, never `enterWith`: that one leaks into whoever called us.
 *
 * @throws TypeError where the runtime has no async context.
 */
export function enter<T>(value: unknown, fn: () => T): T {
  if (store === undefined) {
    throw new TypeError(
      'Expected a runtime with async context (AsyncLocalStorage), got one without. ' +
        'Bind the session instead: withAffinity(client, { session }) or affinityFetch({ session })',
    )
  }
  return store.run(value, fn)
}

/** The value of the innermost `enter` around this code, or undefined. */
export function current(): unknown {
  return store?.getStore()
}

/**
 * Gives what runs a function in the async context of here, everybody's and not only ours: a tracer's active span is
 * there. It costs 3 µs, so only for who listens.
 */
export function snapshot(): <T>(fn: () => T) => T {
  return AsyncLocalStorage?.snapshot?.() ?? ((fn) => fn())
}
