import type { AsyncLocalStorage as Class } from 'node:async_hooks'

/** Undefined in a Worker whose compatibility flags and date do not enable Node's modules. */
export let AsyncLocalStorage: typeof Class | undefined

// With a static import such a Worker would not start, and some Workers that have the module have no `process`. Not awaited,
// since a Worker in the service-worker format cannot: the module is loaded before the first request.
import('node:async_hooks').then(
  (module) => {
    AsyncLocalStorage = module.AsyncLocalStorage
  },
  () => {},
)
