import type { Call } from '../client/calls.js'

// What a template puts between turns, and the answer, which may be cached with the prompt.
const TEMPLATE_SLACK = 48

/** A turn of a conversation, by the prompts that its cache knew. */
export interface LineageStep {
  readonly call: Call
  /** Which of the conversation's lineages it continues or begins, counted from 1. */
  readonly lineage: number
}

/**
 * The lineages in the `cached_tokens` of one conversation. Its prompts grow, so what a backend has cached says which turn
 * it saw last: the one before, and the conversation has stayed; an older one, and the turns between were elsewhere. Two
 * values that alternate are two replicas.
 *
 * @param calls Of one conversation, in order. Those that say no sound figures are left out.
 */
export function lineages(calls: readonly Call[]): readonly LineageStep[] {
  const prompts: number[] = []
  // The last turn of each lineage, as an index of `prompts`.
  const heads: number[] = []
  return calls.flatMap((call) => {
    const { fault, promptTokens, cachedTokens } = call.answer
    if (fault !== undefined || promptTokens === undefined || cachedTokens === undefined) return []
    // A little is cached of every prompt where all begin with the same template.
    const isNew = cachedTokens < (prompts[0] ?? 0) / 2
    const saw = isNew ? -1 : prompts.findIndex((prompt) => prompt + TEMPLATE_SLACK >= cachedTokens)
    // A cache that knows more than was ever said here has it from others.
    const from = saw === -1 && !isNew ? prompts.length - 1 : saw
    const known = heads.indexOf(from)
    const lineage = from >= 0 && known >= 0 ? known : heads.length
    heads[lineage] = prompts.length
    prompts.push(promptTokens)
    return [{ call, lineage: lineage + 1 }]
  })
}
