import { activeScope } from '../session/scope.js'
import { type AffinityOptions, policyOf } from '../stamping/options.js'
import { stampFor } from '../stamping/stamp.js'
import { expected, quoted } from '../util/errors.js'
import { parseUrl } from '../util/url.js'

/**
 * Returns the headers that a call to `url` would be stamped with now, for requests that no integration reaches: a WebSocket
 * handshake, a job for a queue, a per-call header. Empty without a session, and if `origins` does not cover `url`. A ws(s)
 * URL counts as the http(s) URL of the same host. A gateway that reads the key only from the body has no headers.
 *
 * @throws TypeError if the URL is not one, or an option is wrong.
 *
 * @example
 * await model.invoke(messages, { options: { headers: affinityHeaders(baseURL) } })
 */
export function affinityHeaders(url: string | URL, options: AffinityOptions = {}): Record<string, string> {
  const policy = policyOf(options)
  const target = parseUrl(String(url).replace(/^ws(?=s?:)/i, 'http'))
  if (target === null || !target.protocol.startsWith('http')) {
    throw expected('`url` to be an http(s) or ws(s) URL such as "http://gateway:4000/v1"', quoted(url))
  }
  const scope = activeScope(policy.session)
  const to = policy.targetFor(target.href)
  const stamp = scope && to && stampFor(scope, to, policy.extensions)
  if (to === undefined || stamp === undefined) return {}
  const { key, parent, parts } = stamp
  const headers = Object.fromEntries([...to.gateway.headers.map((name) => [name, key]), ...(parent ? [parent] : [])])
  for (const part of parts)
    part.writeHeaders(
      (name) => headers[name],
      (name, value) => Reflect.set(headers, name, value),
    )
  return headers
}
