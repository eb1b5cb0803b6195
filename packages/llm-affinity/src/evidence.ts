// What a response says about where it was served. Input from the network: whatever is not sound counts as not there.

import type { Evidence, Result } from './gateways.js'

/** Gives a response header by its lower-case name; anything but a string is as none. */
export type ReadHeader = (name: string) => unknown

/** What could be read. No result: the gateway has no word of its own for it. */
export interface Reading {
  readonly result?: Result
  readonly backend?: string
  readonly source?: string
  readonly model?: string
  readonly attempt?: number
}

const MAX_LENGTH = 256
// Printable, and no comma: several headers of one name are read with commas between them.
const SOUND = /^[\x20-\x2b\x2d-\x7e]+$/
const COUNT = /^\d{1,4}$/

/** Whether an answer says anything of what became of the pin, sound or not. */
export function hasEvidence({ outcome, backend }: Evidence, read: ReadHeader): boolean {
  return [outcome, backend].some((name) => name !== undefined && read(name.toLowerCase()) !== undefined)
}

/** Reads what a row says is there. `key` is what was sent: an answer that echoes another is evidence of nothing. */
export function readEvidence(evidence: Evidence, key: string, readLower: ReadHeader): Reading {
  const read: ReadHeader = (name) => readLower(name.toLowerCase())
  const textOf = (name?: string, part?: RegExp): string | undefined => {
    const value = name && read(name)
    if (typeof value !== 'string' || value.length > MAX_LENGTH) return undefined
    const found = part?.exec(value)
    const text = part === undefined ? value : (found?.[1] ?? found?.[0] ?? '')
    return SOUND.test(text) ? text : undefined
  }
  const { echo, outcome, words, backend, part, source, model, retries = [] } = evidence
  if (echo && (read(echo) ?? key) !== key) return { result: 'unknown' }
  const said = outcome && read(outcome) !== undefined && (textOf(outcome) ?? '')
  const counts = retries.map((name) => textOf(name) ?? '').filter((count) => COUNT.test(count))
  return {
    ...(typeof said === 'string' && { result: (words && Object.hasOwn(words, said) && words[said]) || 'unknown' }),
    ...present('backend', textOf(backend, part)),
    ...present('source', textOf(source)),
    ...present('model', textOf(model)),
    ...(counts.length > 0 && { attempt: counts.reduce((sum, count) => sum + Number(count), 1) }),
  }
}

function present<Name extends string>(name: Name, value: string | undefined): { readonly [Key in Name]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [Key in Name]?: string })
}
