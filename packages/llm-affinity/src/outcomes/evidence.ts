// Reads the headers of a response that show where it was served. They come from the network: an invalid value is ignored.

import type { Evidence, Result } from '../gateways/gateway.js'

/** Returns a response header by its lower-case name. Anything except a string is ignored. */
export type ReadHeader = (name: string) => unknown

/** What was read. `result` is absent if the gateway does not report one. */
export interface Reading {
  readonly result?: Result
  readonly backend?: string
  /** The headers of the backend's name that are missing. */
  readonly absent: readonly string[]
  readonly source?: string
  readonly model?: string
  readonly attempt?: number
}

const MAX_LENGTH = 256
// Printable, without a comma: repeated headers are joined by commas.
const VALID = /^[\x20-\x2b\x2d-\x7e]+$/
const WHOLE = /.*/s
const COUNT = /^\d{1,4}$/

/** Whether an answer has any of the headers that report a pin or a backend, valid or not. */
export function hasEvidence({ outcome, backend }: Evidence, read: ReadHeader): boolean {
  const has = (name: string): boolean => read(name.toLowerCase()) !== undefined
  return (outcome !== undefined && has(outcome)) || (typeof backend === 'string' ? has(backend) : !!backend?.some(has))
}

/**
 * Reads the evidence of a gateway from an answer.
 *
 * @param key The key that was sent: an answer that echoes another key proves nothing.
 */
export function readEvidence(evidence: Evidence, key: string, status: number, readLower: ReadHeader): Reading {
  const read: ReadHeader = (name) => readLower(name.toLowerCase())
  const textOf = (names: string | readonly string[] = [], part = WHOLE): string | undefined => {
    const values = [names].flat().map(read).filter(Boolean)
    const value = values.join(' ')
    if (value.length > MAX_LENGTH || values.some((each) => typeof each !== 'string')) return undefined
    const [all = '', text = all] = part.exec(value) ?? []
    return VALID.test(text) ? text : undefined
  }
  const {
    echo,
    outcome,
    outcomeValues = {},
    backend: named = [],
    backendPattern,
    retryHeaders = [],
    failureHeaders = [],
  } = evidence
  if (echo && (read(echo) ?? key) !== key) return { result: 'unknown', absent: [] }
  const reported = outcome && read(outcome) !== undefined && (textOf(outcome) ?? '')
  const backend = textOf(named, backendPattern)
  const source = textOf(evidence.source)
  const model = textOf(evidence.model)
  const counts = [...retryHeaders, ...failureHeaders]
    .filter((name) => read(name) !== undefined)
    .map((name) => textOf(name) ?? '')
  // All or none: without one of them the sum would be too small.
  const isValid = counts.length > 0 && counts.every((count) => COUNT.test(count))
  // If this answer is an error, its own attempt is among the failures.
  const first = failureHeaders.length > 0 && status >= 400 ? 0 : 1
  const attempt = isValid && counts.reduce((sum, count) => sum + Number(count), first)
  return {
    ...(typeof reported === 'string' && {
      result: (Object.hasOwn(outcomeValues, reported) && outcomeValues[reported]) || 'unknown',
    }),
    ...(backend && { backend }),
    ...(source && { source }),
    ...(model && { model }),
    ...(attempt && { attempt }),
    absent: [named].flat().filter((name) => !read(name)),
  }
}
