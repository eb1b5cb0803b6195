// The entry "llm-affinity/usage".
export type { Usage } from './usage/parse-usage.js'
export { readUsage } from './usage/read-usage.js'
export {
  type Miss,
  type MissReason,
  type SessionFigures,
  SessionReport,
  type SessionReportOptions,
} from './usage/session-report.js'
