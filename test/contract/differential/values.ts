// The building blocks of a call's values.

import type { Places } from './answers.ts'
import type { Maker } from './makers.ts'

export interface Kit extends Places {
  readonly maker: Maker
  readonly controller: AbortController
}

/** An absent member, which differs from one that is undefined. */
export const ABSENT: unique symbol = Symbol('absent')

export type Values = Readonly<Record<string, (kit: Kit) => unknown>>
