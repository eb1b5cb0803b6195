import type { RecordedRequest, Recorder } from 'llm-affinity-testkit'

/** The names that the default gateway is stamped with. */
export const NAMES: readonly string[] = ['x-session-id', 'x-litellm-session-id']

/** What a server received under the names of the default gateway: the one key, or undefined for none at all. */
export function keyOn(request: RecordedRequest): string | undefined {
  const [first, ...rest] = NAMES.map((name) => request.header(name))
  if (rest.some((value) => value !== first)) throw new Error(`names disagree: ${JSON.stringify([first, ...rest])}`)
  return first
}

/** The keys of all requests that a server received, in order. */
export function keysAt(server: Recorder): (string | undefined)[] {
  return server.requests.map(keyOn)
}
