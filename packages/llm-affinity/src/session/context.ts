import { AsyncLocalStorage as imported } from '#async-context'
import { builtin } from '../util/builtin.js'
import { expected } from '../util/errors.js'

interface Store {
  run<T>(value: unknown, fn: () => T): T
  getStore(): unknown
  enterWith(value: unknown): void
}

// Two copies of this package in one process, or two bundles of it, must share one scope. The version in the name stands for
// the shape of what is stored.
const SLOT = Symbol.for('llm-affinity.scope.v1')

type StoreClass = NonNullable<typeof imported>

interface Hooks {
  AsyncLocalStorage?: StoreClass
}

const runtime: Hooks & { [SLOT]?: Store } & typeof globalThis = globalThis

let store: Store | undefined

// Looked up at use, not at import: a bundle made for one runtime may run on another, and a Worker loads the module later.
// Next's edge runtime has the class as a global.
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

/** Whether this runtime has async context. */
export function hasContext(): boolean {
  return sharedStore() !== undefined
}

/**
 * Runs `fn` with `value` as the current scope, for everything that `fn` calls and awaits, and returns the result of `fn`.
 * It uses `run` and not `enterWith`, which would change the scope of the caller too.
 *
 * @throws TypeError on a runtime without async context.
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

/** The `then` of a thenable before it was bound, and the number of the run that bound it. */
interface Bound {
  readonly original: unknown
  readonly by: number
}

const bound = new WeakMap<object, Bound>()
let runs = 0

/**
 * The same as `enter`, for what an application runs. If `fn` returns a thenable that is no promise, such as a request of
 * superagent, which is only sent when it is awaited, it is awaited in the scope too: its `then` is bound. The last scope that
 * returns it counts, and of nested ones the innermost.
 *
 * An object that cannot be bound is returned unchanged, and awaited in the scope of the code that awaits it: a frozen object, a Proxy that
 * allows no change, and a promise of a class that only starts its work in `then`. Two scopes that return one thenable before
 * either has awaited it share the scope of the second.
 */
export function run<T>(value: unknown, fn: () => T): T {
  const by = ++runs
  const result = enter(value, fn)
  if (result === Object(result) && !(result instanceof Promise)) {
    try {
      bindThen(value, result as object, by)
    } catch {
      // A Proxy may throw for what it does not know.
    }
  }
  return result
}

function bindThen(value: unknown, thenable: object, by: number): void {
  const found: unknown = Reflect.get(thenable, 'then')
  if (typeof found !== 'function') return
  const before = bound.get(found)
  // An inner run, which started later, has returned it.
  if (before !== undefined && before.by > by) return
  const original: unknown = before?.original ?? found
  function inScope(this: unknown, ...args: unknown[]): unknown {
    return enter(value, () => Reflect.apply(original as () => unknown, this, args))
  }
  bound.set(inScope, { original, by })
  Reflect.defineProperty(thenable, 'then', { value: inScope, configurable: true, writable: true })
}

/**
 * Leaves all scopes for the rest of the current task. Only for callbacks that a library calls at the end of a task, such as
 * undici's when a socket is connected.
 */
export function leave(): void {
  store?.enterWith(undefined)
}

/** The current scope: the value of the innermost `enter`, or undefined. */
export function current(): unknown {
  store ??= runtime[SLOT]
  return store?.getStore()
}

/** A whole async context, which also holds the active span of a tracer: Node's AsyncResource. */
export interface Context {
  runInAsyncScope<T>(fn: (...args: never[]) => T, self?: unknown, ...args: unknown[]): T
}

type ContextClass = new (type: string, options: object) => Context

/** For runtimes without AsyncResource: restores the scope only. */
class OwnContext implements Context {
  readonly #value: unknown = current()
  runInAsyncScope<T>(fn: (...args: never[]) => T, self?: unknown, ...args: unknown[]): T {
    const call = (): T => Reflect.apply(fn, self, args)
    return current() === this.#value ? call() : enter(this.#value, call)
  }
}

let Class: ContextClass | undefined

/** Captures the current async context, to run functions in it. Costs 20 ns on Node, and 10 ns per run; `enter` costs 250. */
export function capture(): Context {
  Class ??= builtin<{ AsyncResource: ContextClass }>('node:async_hooks')?.AsyncResource ?? OwnContext
  return new Class('llm-affinity', { requireManualDestroy: true })
}

// Scopes are recognised by this property and not by their class, so that two copies of the package work together.
export const SCOPE_KIND: unique symbol = Symbol.for('llm-affinity.scope-kind.v1')

/** The kind of a scope: `session`, `detached`, `suppressed` or `call`. Undefined for any other value. */
export function scopeKindOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && SCOPE_KIND in value ? value[SCOPE_KIND] : undefined
}

/** An iterator whose `next`, `return` and `throw` run in `scope`, wherever they are called. */
export function iteratorIn<T>(scope: object, source: AsyncIterator<T>): AsyncIterator<T> {
  const { return: end, throw: fail } = source
  const inside: AsyncIterableIterator<T> = {
    next: (...args) => enter(scope, () => source.next(...args)),
    [Symbol.asyncIterator]: () => inside,
  }
  if (end !== undefined) inside.return = (value) => enter(scope, () => end.call(source, value))
  if (fail !== undefined) inside.throw = (error) => enter(scope, () => fail.call(source, error))
  return inside
}
