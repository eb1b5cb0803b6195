import { affinityFetch, Session } from 'llm-affinity'
import { readUsage, type Usage } from 'llm-affinity/usage'

/** A fetch that reads usage, and what it has read of the last answer. */
export interface Reading {
  readonly fetch: typeof fetch
  usage(): Promise<Usage | undefined>
}

export function reading(): Reading {
  let usage: Promise<Usage | undefined> | undefined
  const send = affinityFetch({
    session: new Session('conversation-42'),
    onOutcome: (_outcome, response) => {
      if (response === undefined) throw new Error('no response')
      usage = readUsage(response)
    },
  })
  return {
    // SDKs and the platform name the same argument by types of their own.
    fetch: (input, init) => send(input instanceof Request ? input : String(input), init),
    usage: () => usage ?? Promise.reject(new Error('nothing was answered')),
  }
}

/** Whether it is settled by now: once everything that is ready has run. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const waiting = Symbol('waiting')
  await new Promise((resolve) => setImmediate(resolve))
  return (await Promise.race([promise, Promise.resolve(waiting)])) === waiting
}
