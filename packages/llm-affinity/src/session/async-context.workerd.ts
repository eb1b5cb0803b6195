import type { AsyncLocalStorage as Class } from 'node:async_hooks'

/** Undefined in a Worker that has neither a flag nor a date that brings Node's modules. */
export let AsyncLocalStorage: typeof Class | undefined

// A static import would keep such a Worker from starting, and `process` is missing in some that have the module. Not
// awaited, since a Worker in the service-worker format cannot: the module is there before the first request is.
import('node:async_hooks').then(
  (module) => {
    AsyncLocalStorage = module.AsyncLocalStorage
  },
  () => {},
)
