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

/** The names under which a key may be heeded, but for those that were sent. The other spelling of those comes first. */
export function otherHeaderNames(sent: readonly string[]): readonly string[] {
  const twins = sent.map((name) => (name.includes('_') ? name.replaceAll('_', '-') : ''))
  const known = [...gateways.values()].flatMap(({ headers }) => headers)
  return [...new Set([...twins, ...known, ...DE_FACTO])].filter((name) => name !== '' && !sent.includes(name))
}
