// The other way to carry a conversation through async code to the wire: an entry in OpenTelemetry's baggage, written by
// its undici instrumentation. No exporter and no span processor: who has them pays for them on top.

import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CBaggagePropagator } from '@opentelemetry/core'
import { UndiciInstrumentation, type UndiciInstrumentationConfig } from '@opentelemetry/instrumentation-undici'
import { TracerProvider } from '@opentelemetry/sdk-trace'
import type { Arm } from '../pairs.ts'
import { inFlight } from './shared.ts'

/** Sets OpenTelemetry up for this process, and gives its arms. */
export function openTelemetry(call: () => Promise<unknown>): { withSpans: Arm; withoutSpans: Arm } {
  trace.setGlobalTracerProvider(new TracerProvider())
  propagation.setGlobalPropagator(new W3CBaggagePropagator())
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  return {
    withSpans: arm(call, {}),
    // Its leanest setting: a span only where there is one already, so that only the baggage is left.
    withoutSpans: arm(call, { requireParentforSpans: true }),
  }
}

function arm(call: () => Promise<unknown>, config: UndiciInstrumentationConfig): Arm {
  const instrumentation = new UndiciInstrumentation(config)
  instrumentation.disable()
  const { run } = inFlight(({ id }) => {
    const baggage = propagation.createBaggage({ 'session.id': { value: id } })
    return context.with(propagation.setBaggage(context.active(), baggage), call)
  })
  // It listens to every request of the process, so it is on only while its arm runs.
  return { run, before: () => instrumentation.enable(), after: () => instrumentation.disable() }
}
