import { type AffinityOptions, checkAffinityOptions, type Policy, policyOf } from '../stamping/options.js'
import type { Origins } from '../stamping/origins.js'
import { expected, kind } from '../util/errors.js'
import { copyOwnProperties, stampingFetch } from './fetch.js'
import type { Fetch } from './platform-fetch.js'

/**
 * Stamps the calls of everybody who calls the global `fetch`, for agent frameworks that take no client and no fetch.
 * A framework's client that was made before has kept the old fetch: patch first.
 *
 * @param options.origins Required: what is not named is never touched.
 * @returns The undo. Patches nest, and may be undone in any order, and more than once. One that lies below somebody
 *   else's patch passes calls on from then on, and goes away with the first call after that patch has.
 * @throws TypeError when an option is wrong or `origins` is missing.
 *
 * @example
 * const undo = patchGlobalFetch({ origins: ['http://gateway:4000'] })
 */
export function patchGlobalFetch(options: AffinityOptions & { readonly origins: Origins }): () => void {
  if (checkAffinityOptions(options).origins === undefined) {
    throw expected('`origins` to say which calls of the global fetch may be stamped', kind(options.origins))
  }
  let policy: Policy | undefined = policyOf(options)
  const patch: Patch = { previous: firstActive(globalThis.fetch), undone: false }
  let { previous } = patch
  let stamped = stampingFetch(policy, previous)
  const patched: Fetch = (...args) => {
    const send = innerFetch(patch)
    if (policy === undefined) {
      if (globalThis.fetch === patched) Reflect.set(globalThis, 'fetch', send)
      return send(...args)
    }
    if (send !== previous) stamped = stampingFetch(policy, send)
    previous = send
    return stamped(...args)
  }
  // Some runtimes hang more on fetch than a call, such as Bun's preconnect.
  copyOwnProperties(patched, previous)
  patches().set(patched, patch)
  globalThis.fetch = patched
  return () => {
    patch.undone = true
    policy = undefined
    stamped = previous
    const top = firstActive(globalThis.fetch)
    if (top !== globalThis.fetch) globalThis.fetch = top
    for (let at = patches().get(top); at !== undefined; ) at = patches().get(innerFetch(at))
  }
}

interface Patch {
  /** What sends below it. */
  previous: Fetch
  undone: boolean
}

// Of all copies of this package: one that did not know the patches of another would take them for somebody else's.
const SLOT = Symbol.for('llm-affinity.patches.v1')

function patches(): WeakMap<Fetch, Patch> {
  const shared: { [SLOT]?: WeakMap<Fetch, Patch> } & typeof globalThis = globalThis
  if (shared[SLOT] === undefined) Object.defineProperty(shared, SLOT, { value: new WeakMap() })
  return shared[SLOT] ?? new WeakMap()
}

/** A fetch, or the first one below it that is not a patch of ours that was undone. */
function firstActive(fetch: Fetch): Fetch {
  let at = fetch
  for (let patch = patches().get(at); patch?.undone; patch = patches().get(at)) at = patch.previous
  return at
}

// Lets go of undone patches between this one and what sends below it.
function innerFetch(patch: Patch): Fetch {
  patch.previous = firstActive(patch.previous)
  return patch.previous
}
