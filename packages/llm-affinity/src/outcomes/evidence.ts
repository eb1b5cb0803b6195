// What a response says about where it was served. Input from the network: whatever is not sound counts as not there.

import type { Evidence, Result } from '../gateways/gateway.js'

/** Gives a response header by its lower-case name; anything but a string is as none. */
export type ReadHeader = (name: string) => unknown

/** What could be read. No result: the gateway has no word of its own for it. */
export interface Reading {
  readonly result?: Result
  readonly backend?: string
  /** The headers that would have had a part in the name of the backend. */
  readonly absent: readonly string[]
  readonly source?: string
  readonly model?: string
  readonly attempt?: number
}

const MAX_LENGTH = 256
// Printable, and no comma: several headers of one name are read with commas between them.
const SOUND = /^[\x20-\x2b\x2d-\x7e]+$/
const WHOLE = /.*/s
const COUNT = /^\d{1,4}$/

/** Whether an answer has any of the headers that report a pin or a backend, sound or not. */
export function hasEvidence({ outcome, backend }: Evidence, read: ReadHeader): boolean {
  const has = (name: string): boolean => read(name.toLowerCase()) !== undefined
  return (outcome !== undefined && has(outcome)) || (typeof backend === 'string' ? has(backend) : !!backend?.some(has))
}

/**
 * Reads what a row says is there.
 *
 * @param key What was sent: an answer that echoes another is evidence of nothing.
 */
export function readEvidence(evidence: Evidence, key: string, status: number, readLower: ReadHeader): Reading {
  const read: ReadHeader = (name) => readLower(name.toLowerCase())
  const textOf = (names: string | readonly string[] = [], part = WHOLE): string | undefined => {
    const values = [names].flat().map(read).filter(Boolean)
    const value = values.join(' ')
    if (value.length > MAX_LENGTH || values.some((each) => typeof each !== 'string')) return undefined
    const [all = '', text = all] = part.exec(value) ?? []
    return SOUND.test(text) ? text : undefined
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
  const said = outcome && read(outcome) !== undefined && (textOf(outcome) ?? '')
  const backend = textOf(named, backendPattern)
  const source = textOf(evidence.source)
  const model = textOf(evidence.model)
  const counts = [...retryHeaders, ...failureHeaders]
    .filter((name) => read(name) !== undefined)
    .map((name) => textOf(name) ?? '')
  // All or none: a sum without one of them would be too small.
  const isSound = counts.length > 0 && counts.every((count) => COUNT.test(count))
  // The last of the failures is the try of this answer, where that is an error.
  const first = failureHeaders.length > 0 && status >= 400 ? 0 : 1
  const attempt = isSound && counts.reduce((sum, count) => sum + Number(count), first)
  return {
    ...(typeof said === 'string' && {
      result: (Object.hasOwn(outcomeValues, said) && outcomeValues[said]) || 'unknown',
    }),
    ...(backend && { backend }),
    ...(source && { source }),
    ...(model && { model }),
    ...(attempt && { attempt }),
    absent: [named].flat().filter((name) => !read(name)),
  }
}
