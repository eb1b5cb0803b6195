// Evidence, judged: compared with what the session's turns have seen before, learnt by the session, told to who listens.

import type { Gateway, Result } from '../gateways/gateway.js'
import type { Context } from '../session/context.js'
import { learn, type Outcome, type Session } from '../session/session.js'
import { modelOf } from '../stamping/json-field.js'
import { readResponseHeader } from '../stamping/request-headers.js'
import { builtin } from '../util/builtin.js'
import { remember } from '../util/lru.js'
import { warnOnce } from '../util/warn.js'
import { hasEvidence, type ReadHeader, readEvidence } from './evidence.js'

/** A call that was stamped. */
export interface StampedCall {
  readonly target: { readonly gateway: Gateway; readonly origin: string }
  /** What was sent, and for whom. */
  readonly stamp: { readonly session: Session; readonly key: string }
  /** What was sent with it. Looked at for its model, and only where that decides. */
  readonly body: unknown
}

/** Who hears of outcomes. A seam that has a `Response` hands it on, unread. */
export type Listener = (outcome: Outcome, response?: Response) => void

const MAX_PINS = 10_000
// What is longer is not remembered: a model may be named by whoever calls.
const MAX_PIN_LENGTH = 1024

// Where a key was last served, by origin and model. Not in the session: a server makes a new one of the same id for
// every turn. The longest unused is forgotten, and then is as new.
const pins = new Map<string, string>()

/** Whether there is anybody to tell. */
export function hasListeners(listener: Listener | undefined): boolean {
  return listener !== undefined || channel()?.hasSubscribers === true
}

/** Whether there is anything to read at this gateway, or anybody to tell. */
export function needsOutcome(gateway: Gateway, listener: Listener | undefined): boolean {
  return gateway.evidence !== undefined || hasListeners(listener)
}

/** Judges an answer. It never throws, and where there is nothing to read and nobody to tell it does nothing. */
export function recordOutcome(
  asked: StampedCall,
  status: number,
  read: ReadHeader,
  listener: Listener | undefined,
  response?: Response,
): void {
  const { gateway, origin } = asked.target
  const { session, key } = asked.stamp
  const { evidence = {} } = gateway
  // A redirect, or a word on the way, is no answer yet.
  if (status < 200 || (status >= 300 && status < 400)) return
  try {
    // An outcome that the session has is not the last one's any more.
    if (session.lastOutcome === undefined && !hasEvidence(evidence, read) && !hasListeners(listener)) return
    const { model, result, absent, ...reading } = readEvidence(evidence, key, status, read)
    const judged = result ?? compareWithLast(asked, model, reading.backend, absent, status)
    const outcome: Outcome = { session, gateway: gateway.name, origin, status, result: judged, ...reading }
    learn(session, outcome)
    channel()?.publish(outcome)
    if (listener !== undefined) Promise.resolve(listener(outcome, response)).catch(() => warnOnce(THREW))
  } catch {
    warnOnce(THREW)
  }
}

const THREW = '`onOutcome` threw. The call went on'

function compareWithLast(
  { target: { gateway, origin }, stamp: { key }, body }: StampedCall,
  said: string | undefined,
  backend: string | undefined,
  absent: readonly string[],
  status: number,
): Result {
  if (backend === undefined) return 'unknown'
  const model = (typeof body === 'string' ? modelOf(body) : undefined) ?? said
  if (gateway.pinsPerModel && model === undefined) return 'unknown'
  // Half a name is compared with the same half only, and may be that of several backends.
  const pin = JSON.stringify([key, origin, model, absent])
  if (pin.length > MAX_PIN_LENGTH) return 'unknown'
  const before = pins.get(pin)
  // An error says nothing of where the cache is.
  if (status < 400) {
    remember(pins, pin, backend, MAX_PINS)
  }
  if (before === undefined) return 'unknown'
  if (before !== backend) return 'moved'
  return gateway.evidence?.ambiguous || absent.length > 0 ? 'unknown' : 'hit'
}

/**
 * Judges an answer of undici or `node:http`, and runs the listeners in the context of its call: they are otherwise called
 * in that of whoever opened the socket.
 *
 * @param headers An object, or the raw names and values.
 * @param context Undefined: nobody listens.
 */
export function recordOutcomeInContext(
  context: Context | undefined,
  asked: StampedCall,
  status: unknown,
  headers: unknown,
  listener: Listener | undefined,
): void {
  if (!needsOutcome(asked.target.gateway, listener)) return
  const hear = (): void => recordOutcome(asked, Number(status), (name) => readResponseHeader(headers, name), listener)
  if (context === undefined) hear()
  else context.runInAsyncScope(hear)
}

/** The part of a diagnostics channel that we use. */
interface Channel {
  readonly hasSubscribers: boolean
  publish(message: unknown): void
}

interface DiagnosticsChannel {
  channel(name: string): Channel
}

let found: Channel | undefined

/** `llm-affinity:outcome` of node:diagnostics_channel; a message is an `Outcome`. Undefined where there are no channels. */
function channel(): Channel | undefined {
  found ??= builtin<DiagnosticsChannel>('node:diagnostics_channel')?.channel?.('llm-affinity:outcome')
  return found
}
