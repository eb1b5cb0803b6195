// What the values of a call are made of.

import type { Places } from './answers.ts'
import type { Maker } from './makers.ts'

export interface Kit extends Places {
  readonly maker: Maker
  readonly controller: AbortController
}

/** A member that is not there, which is not the same as one that is undefined. */
export const ABSENT: unique symbol = Symbol('absent')

export type Values = Readonly<Record<string, (kit: Kit) => unknown>>
