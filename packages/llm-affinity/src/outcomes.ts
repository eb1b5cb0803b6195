// Evidence, judged: compared with what the session's turns have seen before, learnt by the session, told to who listens.

import { modelOf } from './body.js'
import { channel } from './channel.js'
import { hasEvidence, type ReadHeader, type Reading, readEvidence } from './evidence.js'
import type { Gateway, Result } from './gateways.js'
import { learn, type Outcome, type Session } from './session.js'
import { warnOnce } from './warn.js'

/** A call that was stamped. */
export interface Asked {
  readonly place: { readonly gateway: Gateway; readonly origin: string }
  /** What was sent, and for whom. */
  readonly stamp: { readonly session: Session; readonly key: string }
  /** What was sent with it. Looked at for its model, and only where that decides. */
  readonly body: unknown
}

/** Who hears of outcomes. A seam that has a `Response` hands it on, unread. */
export type Listener = (outcome: Outcome, response?: Response) => void

const MAX_PINS = 10_000

// Where a key was last served, by origin and model. Not in the session: a server makes a new one of the same id for
// every turn. The longest unused is forgotten, and then is as new.
const pins = new Map<string, string>()

/** Whether there is anybody to tell. */
export function isTold(listener: Listener | undefined): boolean {
  return listener !== undefined || channel?.hasSubscribers === true
}

/** Whether there is anything to read at this gateway, or anybody to tell. */
export function isHeard(gateway: Gateway, listener: Listener | undefined): boolean {
  return gateway.evidence !== undefined || isTold(listener)
}

/** Judges an answer. It never throws, and where there is nothing to read and nobody to tell it does nothing. */
export function heard(
  asked: Asked,
  status: number,
  read: ReadHeader,
  listener: Listener | undefined,
  response?: Response,
): void {
  const { gateway, origin } = asked.place
  const { session, key } = asked.stamp
  const { evidence = {} } = gateway
  // A redirect, or a word on the way, is no answer yet.
  if (status < 200 || (status >= 300 && status < 400)) return
  try {
    // An outcome that the session has is not the last one's any more.
    if (!isTold(listener) && session.lastOutcome === undefined && !hasEvidence(evidence, read)) return
    const { model, result, ...reading } = readEvidence(evidence, key, read)
    const judged = result ?? compared(asked, model, reading, status)
    const outcome: Outcome = { session, gateway: gateway.name, origin, status, result: judged, ...reading }
    learn(session, outcome)
    if (channel?.hasSubscribers) channel.publish(outcome)
    if (listener !== undefined) Promise.resolve(listener(outcome, response)).catch(() => warnOnce(THREW))
  } catch {
    warnOnce(THREW)
  }
}

const THREW = '`onOutcome` threw. The call went on'

function compared(
  { place: { gateway, origin }, stamp: { key }, body }: Asked,
  said: string | undefined,
  { backend }: Reading,
  status: number,
): Result {
  if (backend === undefined) return 'unknown'
  const model = (typeof body === 'string' ? modelOf(body) : undefined) ?? said
  if (gateway.perModel && model === undefined) return 'unknown'
  const place = JSON.stringify([key, origin, model])
  const before = pins.get(place)
  // An error says nothing of where the cache is.
  if (status < 400) {
    pins.delete(place)
    pins.set(place, backend)
    const [oldest] = pins.size > MAX_PINS ? pins.keys() : []
    if (oldest !== undefined) pins.delete(oldest)
  }
  return before === undefined ? 'unknown' : before === backend ? 'hit' : 'moved'
}
