import { type AffinityOptions, checkAffinityOptions, type Policy, policyOf } from '../stamping/options.js'
import type { Origins } from '../stamping/origins.js'
import { expected, kind } from '../util/errors.js'
import { sharedMap } from '../util/shared.js'
import { copyOwnProperties, stampingFetch } from './fetch.js'
import type { Fetch } from './platform-fetch.js'

/**
 * Stamps the calls of the global `fetch`, for agent frameworks that accept neither a client nor a fetch. Patch before the
 * framework makes its clients: a client may keep the fetch that it found.
 *
 * @param options.origins Required: requests to other origins are never touched.
 * @returns The undo function. Patches nest, and can be undone in any order, and more than once. A patch below another
 *   library's patch only passes calls on once it is undone, and is removed with the first call after the other one is.
 * @throws TypeError if an option is wrong or `origins` is missing.
 *
 * @example
 * const undo = patchGlobalFetch({ origins: ['http://gateway:4000'] })
 */
export function patchGlobalFetch(options: AffinityOptions & { readonly origins: Origins }): () => void {
  if (checkAffinityOptions(options).origins === undefined) {
    throw expected(
      '`origins` to name where keys may go',
      kind(options.origins),
      'Write patchGlobalFetch({ origins: "http://gateway:4000" })',
    )
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
  // Some runtimes have properties on fetch, such as Bun's preconnect.
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
  /** The fetch below the patch. */
  previous: Fetch
  undone: boolean
}

// Otherwise one copy of this package would treat the patches of another as those of another library.
function patches(): WeakMap<Fetch, Patch> {
  return sharedMap('patches.v1')
}

/** The given fetch, or the first one below it that is not an undone patch. */
function firstActive(fetch: Fetch): Fetch {
  let at = fetch
  for (let patch = patches().get(at); patch?.undone; patch = patches().get(at)) at = patch.previous
  return at
}

// Skips undone patches between this one and the fetch below it.
function innerFetch(patch: Patch): Fetch {
  patch.previous = firstActive(patch.previous)
  return patch.previous
}
