// Makes outcomes of evidence: compares it with the session's last turn, stores the result in the session, and calls listeners.

import type { Gateway, Result } from '../gateways/gateway.js'
import type { Context } from '../session/context.js'
import { type Outcome, type Session, setLastOutcome } from '../session/session.js'
import { modelOf } from '../stamping/json-field.js'
import { readResponseHeader } from '../stamping/request-headers.js'
import { builtin } from '../util/builtin.js'
import { remember } from '../util/lru.js'
import { warnOnce } from '../util/warn.js'
import { hasEvidence, type ReadHeader, readEvidence } from './evidence.js'

/** A call that was stamped. */
export interface StampedCall {
  readonly target: { readonly gateway: Gateway; readonly origin: string }
  /** The key that was sent, and its session. */
  readonly stamp: { readonly session: Session; readonly key: string }
  /** The body that was sent. It is only read for its model, where the gateway pins per model. */
  readonly body: unknown
}

/** A listener. An integration that has a `Response` passes it on, unread. */
export type Listener = (outcome: Outcome, response?: Response) => void

const MAX_PINS = 10_000
// Longer ones are not stored: the caller chooses the name of the model.
const MAX_PIN_LENGTH = 1024

// The last backend of each key, by origin and model. Not in the session: a server makes a new Session of the same id for every
// turn. The least recently used entry is dropped; its next turn then counts as the first.
const pins = new Map<string, string>()

/** Whether there is a listener. */
export function hasListeners(listener: Listener | undefined): boolean {
  return listener !== undefined || channel()?.hasSubscribers === true
}

/** Whether answers of this gateway have to be read: it has evidence, or there is a listener. */
export function needsOutcome(gateway: Gateway, listener: Listener | undefined): boolean {
  return gateway.evidence !== undefined || hasListeners(listener)
}

/** Records the outcome of an answer. It never throws. Without evidence and listeners it does nothing. */
export function recordOutcome(
  call: StampedCall,
  status: number,
  read: ReadHeader,
  listener: Listener | undefined,
  response?: Response,
): void {
  const { gateway, origin } = call.target
  const { session, key } = call.stamp
  const { evidence = {} } = gateway
  // A redirect or an informational response is not an answer.
  if (status < 200 || (status >= 300 && status < 400)) return
  try {
    // If the session has an outcome, an answer without evidence must replace it.
    if (session.lastOutcome === undefined && !hasEvidence(evidence, read) && !hasListeners(listener)) return
    const { model, result, absent, ...reading } = readEvidence(evidence, key, status, read)
    const judged = result ?? compareWithLast(call, model, reading.backend, absent, status)
    const outcome: Outcome = { session, gateway: gateway.name, origin, status, result: judged, ...reading }
    setLastOutcome(session, outcome)
    channel()?.publish(outcome)
    if (listener !== undefined) Promise.resolve(listener(outcome, response)).catch(() => warnOnce(THREW))
  } catch {
    warnOnce(THREW)
  }
}

const THREW = '`onOutcome` threw. The call went on'

function compareWithLast(
  { target: { gateway, origin }, stamp: { key }, body }: StampedCall,
  reportedModel: string | undefined,
  backend: string | undefined,
  absent: readonly string[],
  status: number,
): Result {
  if (backend === undefined) return 'unknown'
  const model = (typeof body === 'string' ? modelOf(body) : undefined) ?? reportedModel
  if (gateway.pinsPerModel && model === undefined) return 'unknown'
  // An incomplete name is only compared with names that lack the same part, and several backends may share it.
  const pin = JSON.stringify([key, origin, model, absent])
  if (pin.length > MAX_PIN_LENGTH) return 'unknown'
  const before = pins.get(pin)
  // An error does not show where the cache is.
  if (status < 400) {
    remember(pins, pin, backend, MAX_PINS)
  }
  if (before === undefined) return 'unknown'
  if (before !== backend) return 'moved'
  return gateway.evidence?.ambiguous || absent.length > 0 ? 'unknown' : 'hit'
}

/**
 * Records the outcome of an answer of undici or `node:http`, in the context of its call: the answer arrives in the context in
 * which the socket was opened.
 *
 * @param headers An object, or the raw names and values.
 * @param context Undefined if there is no listener.
 */
export function recordOutcomeInContext(
  context: Context | undefined,
  call: StampedCall,
  status: unknown,
  headers: unknown,
  listener: Listener | undefined,
): void {
  if (!needsOutcome(call.target.gateway, listener)) return
  const record = (): void => recordOutcome(call, Number(status), (name) => readResponseHeader(headers, name), listener)
  if (context === undefined) record()
  else context.runInAsyncScope(record)
}

/** The members of a diagnostics channel that are used here. */
interface Channel {
  readonly hasSubscribers: boolean
  publish(message: unknown): void
}

interface DiagnosticsChannel {
  channel(name: string): Channel
}

let found: Channel | undefined

/** `llm-affinity:outcome` of node:diagnostics_channel; a message is an `Outcome`. Undefined on runtimes without channels. */
function channel(): Channel | undefined {
  found ??= builtin<DiagnosticsChannel>('node:diagnostics_channel')?.channel?.('llm-affinity:outcome')
  return found
}
