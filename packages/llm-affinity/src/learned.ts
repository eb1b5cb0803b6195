// The entry "llm-affinity/learned".
export { type LearnedFigures, LearnedState } from './learned/learned-state.js'
export type { LearnedStateOptions } from './learned/options.js'
export type { RepinOptions } from './learned/repin.js'
export type { Issuer, TokenRule } from './learned/rules.js'
export type { StateStore } from './learned/store.js'
