import { expected, kind } from './expected.js'
import { type Fetch, stamping } from './fetch.js'
import { type AffinityOptions, checked, type Origins, policyOf } from './policy.js'

/**
 * Stamps the calls of everybody who calls the global `fetch`, for agent frameworks that take no client and no fetch.
 * A framework's client that was made before has kept the old fetch: patch first.
 *
 * @param options.origins Required: what is not named is never touched.
 * @returns The undo. Patches nest, and may be undone in any order, and more than once.
 * @throws TypeError when an option is wrong or `origins` is missing.
 *
 * @example
 * const undo = patchGlobalFetch({ origins: ['http://gateway:4000'] })
 */
export function patchGlobalFetch(options: AffinityOptions & { readonly origins: Origins }): () => void {
  if (checked(options).origins === undefined) {
    throw expected('`origins` to say which calls of the global fetch may be stamped', kind(options.origins))
  }
  const policy = policyOf(options)
  const previous = globalThis.fetch
  const stamped = stamping(policy, previous)
  const patch: Patch = { previous, undone: false }
  const patched: Fetch = (...args) => (patch.undone ? previous(...args) : stamped(...args))
  // Some runtimes hang more on fetch than a call, such as Bun's preconnect.
  Object.defineProperties(patched, Object.getOwnPropertyDescriptors(previous))
  patches.set(patched, patch)
  globalThis.fetch = patched
  return () => {
    patch.undone = true
    // Whoever patched over us keeps working: then we only stand aside until they are gone.
    for (let top = patches.get(globalThis.fetch); top?.undone; top = patches.get(globalThis.fetch)) {
      globalThis.fetch = top.previous
    }
  }
}

interface Patch {
  readonly previous: Fetch
  undone: boolean
}

const patches = new WeakMap<Fetch, Patch>()
