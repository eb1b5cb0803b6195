import { type Attributes, type Counter, type Histogram, metrics, trace } from '@opentelemetry/api'
import type { Outcome } from '../session/session.js'
import { readUsage } from '../usage/read-usage.js'
import { checkOptions, expected, kind } from '../util/errors.js'

/** What the telemetry may contain. */
export interface OtelOptions {
  /** Sets the session's id on spans, as `gen_ai.conversation.id`. The key is not recorded, except where the id is the key. @default false */
  readonly ids?: boolean
  /** Records the token usage of answers while the caller reads them, where the integration is a fetch. @default false */
  readonly usage?: boolean
}

const MAX_NAMES = 100
const MAX_ID_LENGTH = 1024
const SHARES = [0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1]

/**
 * A listener for `onOutcome` that records outcomes with OpenTelemetry.
 *
 * - On the span that is active where the call is made: `llm_affinity.result`, `.gateway`, `.backend`, `.source`, and by
 *   the options `gen_ai.conversation.id`, `gen_ai.usage.input_tokens` and `gen_ai.usage.cache_read.input_tokens`. If a span
 *   has several calls, the last one counts. An id of more than 1,024 characters is not recorded.
 * - The counter `llm_affinity.outcomes`, by `llm_affinity.result`, `.gateway`, `.backend` and `server.address`. The
 *   first 100 gateways, backends and addresses are recorded by name, any others as `other`.
 * - With `usage`, the histogram `llm_affinity.cached_share`, from 0 to 1, by gateway and backend.
 *
 * It uses the global tracer and meter providers, which must be registered before the first call.
 *
 * @throws TypeError if an option is wrong.
 *
 * @example
 * const openai = withAffinity(new OpenAI(), { onOutcome: otelOutcomes({ usage: true }) })
 */
export function otelOutcomes(options: OtelOptions = {}): (outcome: Outcome, response?: Response) => void {
  const { ids = false, usage = false } = checkOptions(options, ['ids', 'usage'], '{ usage: true }')
  for (const [name, value] of Object.entries({ ids, usage })) {
    if (typeof value !== 'boolean') throw expected(`\`${name}\` to be true or false`, kind(value))
  }
  let meters: Meters | undefined
  const [gateways, backends, addresses] = [firstNames(), firstNames(), firstNames()]

  return (outcome, response) => {
    // Not earlier: unlike a tracer, a meter that is created before its provider is registered never records anything.
    meters ??= metersNow()
    const { outcomes, shares } = meters
    const { session, result, gateway, backend, source, origin } = outcome
    const active = trace.getActiveSpan()
    const span = active?.isRecording() ? active : undefined
    const where: Attributes = { 'llm_affinity.gateway': gateways(gateway) }
    if (backend !== undefined) where['llm_affinity.backend'] = backends(backend)
    span?.setAttributes({
      'llm_affinity.gateway': gateway,
      'llm_affinity.result': result,
      ...(backend !== undefined && { 'llm_affinity.backend': backend }),
      ...(source !== undefined && { 'llm_affinity.source': source }),
      ...(ids && session.id.length <= MAX_ID_LENGTH && { 'gen_ai.conversation.id': session.id }),
    })
    outcomes.add(1, {
      ...where,
      'llm_affinity.result': result,
      ...(origin !== '' && { 'server.address': addresses(new URL(origin).hostname) }),
    })
    if (!usage || response === undefined) return
    void readUsage(response).then((read) => {
      if (read === undefined) return
      const { promptTokens, cachedTokens } = read
      // The span may have ended before the answer.
      const still = span?.isRecording() ? span : undefined
      still?.setAttribute('gen_ai.usage.input_tokens', promptTokens)
      if (cachedTokens === undefined) return
      still?.setAttribute('gen_ai.usage.cache_read.input_tokens', cachedTokens)
      if (promptTokens > 0) shares.record(cachedTokens / promptTokens, where)
    })
  }
}

// Names that differ in every call must not create a time series each.
function firstNames(): (name: string) => string {
  const names = new Set<string>()
  return (name) => {
    if (names.size < MAX_NAMES) names.add(name)
    return names.has(name) ? name : 'other'
  }
}

interface Meters {
  readonly outcomes: Counter
  readonly shares: Histogram
}

function metersNow(): Meters {
  const meter = metrics.getMeter('llm-affinity')
  return {
    outcomes: meter.createCounter('llm_affinity.outcomes', {
      description: 'Answers to calls that carried a session’s key, by outcome',
      unit: '{answer}',
    }),
    shares: meter.createHistogram('llm_affinity.cached_share', {
      description: 'Share of the prompt tokens that were read from a cache',
      unit: '1',
      advice: { explicitBucketBoundaries: SHARES },
    }),
  }
}
