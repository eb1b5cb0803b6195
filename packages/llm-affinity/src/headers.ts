import { type AffinityOptions, keyFor, policyOf } from './policy.js'
import { speaking } from './session.js'

/**
 * The headers that a call to `url` made now would be stamped with, for what no seam reaches: a WebSocket handshake, a
 * job for a queue, a per-call header. Empty without a session, and where `url` is none of `origins`.
 *
 * @throws TypeError when an option is wrong.
 *
 * @example
 * await model.invoke(messages, { options: { headers: affinityHeaders(baseURL) } })
 */
export function affinityHeaders(url: string | URL, options: AffinityOptions = {}): Record<string, string> {
  const policy = policyOf(options)
  const speaker = speaking(policy.session)
  const gateway = policy.gatewayAt(String(url))
  const key = speaker && gateway && keyFor(speaker, gateway)
  return key ? Object.fromEntries(gateway.headers.map((name) => [name, key])) : {}
}
