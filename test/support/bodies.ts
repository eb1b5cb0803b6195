import { type AffinityOptions, affinityFetch, patchGlobalFetch } from 'llm-affinity'
import { afterEach } from 'vitest'

export const KEY = 'conversation-42'
export const PATH = '/v1/chat/completions'
export const json: Record<string, string> = { 'content-type': 'application/json' }

/** A gateway that takes the key in the body alone. */
export const row = { name: 'fields', headers: [], body: { field: 'prompt_cache_key', paths: [PATH] } }

/** The field with the key, as it stands in a body. */
export const member: string = `"prompt_cache_key":"${KEY}"`

/** The text of an object, with the field in front of its other members. */
export function before(text: string): string {
  return text.replace(/^\s*\{(\s*\})?/, (open, end) => open.replace('{', `{${member}${end === undefined ? ',' : ''}`))
}

const undone: (() => void)[] = []
afterEach(undoAll)

/** Ends all patches before their test does. */
export function undoAll(): void {
  for (const undo of undone.splice(0)) undo()
}

/** The ways of a body that is not made by an SDK. */
export const ways: Record<string, (origin: string, options: AffinityOptions) => typeof fetch> = {
  affinityFetch: (_origin, options) => affinityFetch(options) as typeof fetch,
  patchGlobalFetch: (origin, options) => {
    undone.push(patchGlobalFetch({ origins: origin, ...options }))
    return (...args) => fetch(...args)
  },
}
