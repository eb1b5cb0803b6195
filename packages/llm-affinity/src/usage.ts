// The entry "llm-affinity/usage".

export type { CacheDiagnosticsOptions } from './cache/apis.js'
export { cacheKey } from './cache/cache-key.js'
export { CacheDiagnostics } from './cache/diagnostics.js'
export type { Diagnosis } from './usage/diagnosis.js'
export type { Usage } from './usage/parse-usage.js'
export { readUsage } from './usage/read-usage.js'
export {
  type Miss,
  type MissReason,
  type SessionFigures,
  SessionReport,
  type SessionReportOptions,
} from './usage/session-report.js'
