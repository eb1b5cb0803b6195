// The entry "llm-affinity/otel". It needs @opentelemetry/api, an optional peer dependency.
export { type OtelOptions, otelOutcomes } from './outcomes/otel.js'
