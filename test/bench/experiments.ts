import { body } from './cases/body.ts'
import { fetchObject, fetchRequest, fetchString } from './cases/fetch.ts'
import { instrumentFetch, instrumentUndici } from './cases/instrument.ts'
import { otelUndici } from './cases/otel.ts'
import { anthropicInScope, openaiInScope, openaiOutOfScope, withOptions } from './cases/sdk.ts'
import { undiciInScope } from './cases/undici.ts'
import { usageAnswer, usageLong } from './cases/usage.ts'
import type { Experiment } from './pairs.ts'

export const experiments: Readonly<Record<string, () => Promise<Experiment>>> = {
  'openai-in-scope': openaiInScope,
  'openai-out-of-scope': openaiOutOfScope,
  'anthropic-in-scope': anthropicInScope,
  'fetch-string': fetchString,
  'fetch-request': fetchRequest,
  'fetch-object': fetchObject,
  'undici-in-scope': undiciInScope,
  'instrument-fetch': instrumentFetch,
  'instrument-undici': instrumentUndici,
  'body-2mb': body,
  'with-options': withOptions,
  'usage-100k': usageLong,
  'usage-answer': usageAnswer,
  'otel-undici': otelUndici,
}
