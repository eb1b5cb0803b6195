import { gateways } from 'llm-affinity/gateways'

// What clients send already, and what operators name.
const DE_FACTO = [
  'session-id',
  'x-conversation-id',
  'x-claude-code-session-id',
  'x-user-id',
  'x-correlation-id',
  'x-request-id',
  'x-client-request-id',
  'x-affinity',
  'x-routing-key',
  'session_id',
  'x_session_id',
]

/** The names that a gateway may read a key from, without those that were sent. Their other spellings come first. */
export function otherHeaderNames(sent: readonly string[]): readonly string[] {
  const known = [...gateways.values()].flatMap(({ headers }) => headers)
  return [...new Set([...otherSpellings(sent), ...known, ...DE_FACTO])].filter((name) => !sent.includes(name))
}

/** Names with underscores, which many hops drop, with hyphens instead. */
export function otherSpellings(sent: readonly string[]): readonly string[] {
  const spellings = sent.filter((name) => name.includes('_')).map((name) => name.replaceAll('_', '-'))
  return [...new Set(spellings)].filter((name) => !sent.includes(name))
}
