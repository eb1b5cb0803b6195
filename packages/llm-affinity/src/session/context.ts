import { AsyncLocalStorage as imported } from '#async-context'
import { builtin } from '../util/builtin.js'
import { expected } from '../util/errors.js'

interface Store {
  run<T>(value: unknown, fn: () => T): T
  getStore(): unknown
  enterWith(value: unknown): void
}

// Two copies of this package in one process, or two bundles of it, must see one scope. The version in the name
// stands for the shape of what is stored: session.ts, `Frame`.
const SLOT = Symbol.for('llm-affinity.scope.v1')

type StoreClass = NonNullable<typeof imported>

interface Hooks {
  AsyncLocalStorage?: StoreClass
}

const runtime: Hooks & { [SLOT]?: Store } & typeof globalThis = globalThis

let store: Store | undefined

// Looked for when it is used, never at import: a bundle made for one runtime may run on another, and a Worker has its
// module late. Next's edge runtime has the class as a global.
function storeClass(): StoreClass | undefined {
  return imported ?? runtime.AsyncLocalStorage ?? builtin<Hooks>('node:async_hooks')?.AsyncLocalStorage
}

function sharedStore(): Store | undefined {
  store ??= runtime[SLOT] ?? newStore()
  return store
}

function newStore(): Store | undefined {
  const Class = storeClass()
  if (!Class) return undefined
  const value = new Class()
  // Not by assignment: a frozen global object leaves this copy with a store of its own.
  Reflect.defineProperty(runtime, SLOT, { value })
  return value
}

/** Whether this runtime has async context at all. */
export function hasContext(): boolean {
  return sharedStore() !== undefined
}

/**
 * Runs `fn` with `value` as the current one, for all that `fn` calls and awaits, and gives back what `fn` returns.
 * By `run`, not `enterWith`: that one leaks into whoever called us.
 *
 * @throws TypeError where the runtime has no async context.
 */
export function enter<T>(value: unknown, fn: () => T): T {
  const shared = sharedStore()
  if (shared === undefined) {
    throw expected(
      'a runtime with async context (AsyncLocalStorage)',
      'one without',
      'Bind the session instead: withAffinity(client, { session }) or affinityFetch({ session })',
    )
  }
  return shared.run(value, fn)
}

/**
 * Leaves all scopes for the rest of the current task. Only for code that nobody of ours has called and that returns to
 * nobody of ours, such as undici's own when a socket is connected.
 */
export function leave(): void {
  store?.enterWith(undefined)
}

/** The value of the innermost `enter` around this code, or undefined. */
export function current(): unknown {
  store ??= runtime[SLOT]
  return store?.getStore()
}

/** An async context, everybody's and not only ours: a tracer's active span is in it. What Node's AsyncResource is. */
export interface Context {
  runInAsyncScope<T>(fn: (...args: never[]) => T, self?: unknown, ...args: unknown[]): T
}

type ContextClass = new (type: string, options: object) => Context

/** For runtimes without AsyncResource: our own scope is put back. */
class OwnContext implements Context {
  readonly #value: unknown = current()
  runInAsyncScope<T>(fn: (...args: never[]) => T, self?: unknown, ...args: unknown[]): T {
    const call = (): T => Reflect.apply(fn, self, args)
    return current() === this.#value ? call() : enter(this.#value, call)
  }
}

let Class: ContextClass | undefined

/** The async context of here, to run functions in. Costs 20 ns on Node, and 10 ns each time; `enter` costs 250. */
export function capture(): Context {
  Class ??= builtin<{ AsyncResource: ContextClass }>('node:async_hooks')?.AsyncResource ?? OwnContext
  return new Class('llm-affinity', { requireManualDestroy: true })
}

// What the scope holds carries a mark and not a class, so that two copies of the package understand each other.
export const SCOPE_KIND: unique symbol = Symbol.for('llm-affinity.scope-kind.v1')

/** The mark of what a scope holds: `session`, `sidecar` or `nobody`. Anything else has none. */
export function scopeKindOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && SCOPE_KIND in value ? value[SCOPE_KIND] : undefined
}

/** An iterator whose `next`, `return` and `throw` run in the scope of `frame`, whoever reads it. */
export function iteratorIn<T>(frame: object, source: AsyncIterator<T>): AsyncIterator<T> {
  const { return: end, throw: fail } = source
  const inside: AsyncIterableIterator<T> = {
    next: (...args) => enter(frame, () => source.next(...args)),
    [Symbol.asyncIterator]: () => inside,
  }
  if (end !== undefined) inside.return = (value) => enter(frame, () => end.call(source, value))
  if (fail !== undefined) inside.throw = (error) => enter(frame, () => fail.call(source, error))
  return inside
}
