// The APIs that tell why a prompt was not found in their caches, and how they are asked.

import type { Session } from '../session/session.js'
import { type Origins, parseOrigins } from '../stamping/origins.js'
import type { Diagnosis } from '../usage/diagnosis.js'
import { checkOptions, expected, kind } from '../util/errors.js'

/** Options of `CacheDiagnostics`. */
export interface CacheDiagnosticsOptions {
  /** Where OpenAI's Responses are served. @default 'https://api.openai.com' */
  readonly openai?: Origins
  /** Where Anthropic's Messages are served. @default 'https://api.anthropic.com' */
  readonly anthropic?: Origins
  /** Called with each verdict, when its answer was read. What it throws becomes a warning. */
  readonly onDiagnosis?: (diagnosis: Diagnosis, session: Session) => void
}

/** How an API is asked. */
export interface Api {
  readonly path: string
  readonly field: string
  /** The member's value, as JSON. Undefined if there is nothing to ask. */
  value(previous: string | undefined): string | undefined
}

// https://developers.openai.com/api/docs/guides/prompt-caching/diagnostics and the types of openai 7.55.
const OPENAI: Api = {
  path: '/v1/responses',
  field: 'prompt_cache_options',
  value: (previous) => (previous === undefined ? undefined : JSON.stringify({ comparison_response_id: previous })),
}
// https://platform.claude.com/docs/en/build-with-claude/cache-diagnostics and the types of @anthropic-ai/sdk 1.11. Null opts in
// at the first turn.
const ANTHROPIC: Api = {
  path: '/v1/messages',
  field: 'diagnostics',
  value: (previous) => JSON.stringify({ previous_message_id: previous ?? null }),
}

/** An API, and the origins that serve it. */
export interface ApiAtOrigins {
  readonly api: Api
  readonly origins: ReadonlySet<string>
}

/** @throws TypeError if an option is wrong. */
export function apisOf(options: CacheDiagnosticsOptions): readonly ApiAtOrigins[] {
  const {
    openai = 'https://api.openai.com',
    anthropic = 'https://api.anthropic.com',
    onDiagnosis,
  } = checkOptions(options, ['openai', 'anthropic', 'onDiagnosis'], '{ onDiagnosis: console.log }')
  if (onDiagnosis !== undefined && typeof onDiagnosis !== 'function') {
    throw expected('`onDiagnosis` to be a function', kind(onDiagnosis))
  }
  return [
    { api: OPENAI, origins: originsOf(openai) },
    { api: ANTHROPIC, origins: originsOf(anthropic) },
  ]
}

function originsOf(origins: Origins): ReadonlySet<string> {
  return new Set(parseOrigins(origins).map(({ origin }) => origin))
}
