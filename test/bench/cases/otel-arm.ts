// One arm of the OpenTelemetry experiment, in a process of its own: node otel-arm.ts NAME ORIGIN

import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CBaggagePropagator } from '@opentelemetry/core'
import { UndiciInstrumentation, type UndiciInstrumentationConfig } from '@opentelemetry/instrumentation-undici'
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace'
import type { Arm } from '../pairs.ts'
import { inFlight } from './shared.ts'
import { bareArm, ourArm, posting } from './undici.ts'

export type ArmName = 'bare' | 'ours' | 'spans' | 'no spans' | 'exported'

const makers: Readonly<Record<ArmName, (origin: string) => Arm>> = {
  bare: bareArm,
  ours: ourArm,
  spans: (origin) => openTelemetry(origin, {}),
  // Its leanest setting: a span only where there is one already, so that only the baggage is left.
  'no spans': (origin) => openTelemetry(origin, { requireParentforSpans: true }),
  // As it is run by most: spans are queued for an exporter. This one sends them nowhere, a real one costs more.
  exported: (origin) => openTelemetry(origin, {}, new TracerProvider({ spanProcessors: [batches()] })),
}

function batches(): BatchSpanProcessor {
  const exporter: SpanExporter = { export: (_spans, done) => done({ code: 0 }), shutdown: async () => {} }
  return new BatchSpanProcessor({ exporter })
}

// Without a span processor, it pays for the spans that carry the baggage and for nothing that is done with them.
function openTelemetry(origin: string, config: UndiciInstrumentationConfig, provider = new TracerProvider()): Arm {
  trace.setGlobalTracerProvider(provider)
  propagation.setGlobalPropagator(new W3CBaggagePropagator())
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  new UndiciInstrumentation(config).enable()
  const post = posting(origin)
  return inFlight(({ id }) => {
    const baggage = propagation.createBaggage({ 'session.id': { value: id } })
    return context.with(propagation.setBaggage(context.active(), baggage), () => post())
  })
}

const [name, origin] = process.argv.slice(2)
const maker = makers[name as ArmName]
if (maker === undefined || origin === undefined)
  throw new Error(`Expected an arm and an origin, got ${name}, ${origin}`)
const arm = maker(origin)

process.on('message', async (calls) => process.send?.(await arm.time(Number(calls))))
process.on('disconnect', () => process.exit())
