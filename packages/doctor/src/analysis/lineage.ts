import type { Call } from '../client/calls.js'

/** Tokens that a template adds between turns, and those of the answer, which may be cached with the prompt. */
export const TEMPLATE_SLACK = 48

/** A turn of a conversation, with the lineage that its cached tokens show. */
export interface LineageStep {
  readonly call: Call
  /** Which of the conversation's lineages it continues or begins, counted from 1. */
  readonly lineage: number
  /** Whether the cache had seen no turn of the conversation. */
  readonly isNew: boolean
}

/**
 * The lineages in the `cached_tokens` of one conversation. Its prompts grow, so the number of cached tokens shows which turn
 * the cache saw last. If it is the turn before, the conversation has stayed; if it is an older one, another backend answered
 * the turns between. Two values that alternate are two replicas.
 *
 * @param calls The calls of one conversation, in order. Calls without valid figures are skipped.
 */
export function lineages(calls: readonly Call[]): readonly LineageStep[] {
  const prompts: number[] = []
  // The last turn of each lineage, as an index of `prompts`.
  const heads: number[] = []
  return calls.flatMap((call) => {
    const { fault, promptTokens, cachedTokens } = call.answer
    if (fault !== undefined || promptTokens === undefined || cachedTokens === undefined) return []
    // A few tokens of every prompt are cached where all prompts begin with the same template.
    const isNew = cachedTokens < (prompts[0] ?? 0) / 2
    const seen = isNew ? -1 : prompts.findIndex((prompt) => prompt + TEMPLATE_SLACK >= cachedTokens)
    // More is cached than this conversation has ever sent: another conversation shares its beginning.
    const from = seen === -1 && !isNew ? prompts.length - 1 : seen
    const known = heads.indexOf(from)
    const lineage = from >= 0 && known >= 0 ? known : heads.length
    heads[lineage] = prompts.length
    prompts.push(promptTokens)
    return [{ call, lineage: lineage + 1, isNew }]
  })
}
