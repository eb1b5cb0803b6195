// The surface of "llm-affinity/usage".
export { readUsage } from './read-usage.js'
export { type Miss, type MissReason, type SessionFigures, SessionReport, type SessionReportOptions } from './report.js'
export type { Usage } from './tokens.js'
