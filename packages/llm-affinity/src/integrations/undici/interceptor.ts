import { isCallScope, runInCall } from '../../session/call-scope.js'
import { current } from '../../session/context.js'
import { activeScope } from '../../session/scope.js'
import { decorateHandler, hideMissing } from '../../stamping/decorate-handler.js'
import { enableGuard, releaseCall, trackCall } from '../../stamping/guard.js'
import { type AffinityOptions, policyWithOrigins } from '../../stamping/options.js'
import type { Origins } from '../../stamping/origins.js'
import { readHeader, setHeader, stampDispatchHeaders } from '../../stamping/request-headers.js'
import { stampFor } from '../../stamping/stamp.js'
import { originOf } from '../../util/url.js'
import { warnOnce } from '../../util/warn.js'
import { Dispatch, type DispatchRequest } from './dispatch.js'

/** An interceptor for `compose` of undici 7 and 8: a `Dispatcher.DispatcherComposeInterceptor`. */
export type AffinityInterceptor = <Request extends DispatchRequest, Handler extends object>(
  dispatch: (request: Request, handler: Handler) => boolean,
) => (request: Request, handler: Handler) => boolean

/**
 * An undici interceptor that stamps the key of the session in whose scope a request is dispatched, in the format of the
 * gateway that it goes to.
 *
 * - It may be anywhere in `compose`, above and below `retry`, `redirect`, `cache` and `dns`, on an Agent, a Pool or a
 *   Client. Above `retry`, all attempts carry the key that the session had at the first.
 * - A key goes to the origins that `origins` names and to no other. Every request, also a redirected or retried one, is checked
 *   again where undici creates it, and loses the key if it goes to any other origin.
 * - A request without an origin, as undici 7 makes on a Pool or Client, is stamped if `origins` names exactly one origin.
 * - Without a session it passes its options on unchanged. If the caller has set a header of the gateway, nothing is added.
 * - Handlers are called in the scope in which their request was dispatched, not in that in which the socket was opened.
 * - It never throws an error of its own in flight: if this package fails, the request is sent unchanged, with one warning. On
 *   a runtime without diagnostics channels, where requests cannot be checked, nothing is stamped, with one warning.
 *
 * @throws TypeError at set-up, if an option is wrong or `origins` is missing.
 *
 * @example
 * const agent = new Agent().compose(affinityInterceptor({ origins: 'http://gateway:4000' }))
 */
export function affinityInterceptor(options: AffinityOptions & { readonly origins: Origins }): AffinityInterceptor {
  const policy = policyWithOrigins(options, "affinityInterceptor({ origins: 'http://gateway:4000' })")
  const isGuarded = enableGuard()

  function stamped(request: DispatchRequest): Dispatch | undefined {
    // A pool of undici 7 dispatches a queued request in the scope of the stamped call that made room for it.
    for (let scope = current(); isCallScope(scope); scope = scope.outer) if (scope.owner === policy) return undefined
    const scope = activeScope(policy.session)
    // Requests of a Pool or Client of undici 7 have no origin. The guard checks where they really go.
    const origin =
      scope &&
      (request.origin == null ? policy.soleOrigin : originOf(request.origin, () => readHeader(request.headers, 'host')))
    if (scope === undefined || origin === undefined) return undefined
    const target = policy.targetFor(origin + (request.path ?? ''))
    const stamp = target && stampFor(scope, target, policy.extensions, request.body)
    if (target === undefined || stamp === undefined) return undefined
    if (target.gateway.headers.length === 0 && stamp.parts.length === 0) return undefined
    if (!isGuarded) {
      warnOnce('requests of undici cannot be checked on this runtime, and are not stamped. Use affinityFetch')
      return undefined
    }
    const { key, parent } = stamp
    const names = target.gateway.headers
    const headers = stampDispatchHeaders(request.headers, { names, key, parent })
    if (headers !== undefined) {
      for (const part of stamp.parts) {
        part.writeHeaders(
          (name) => readHeader(headers, name),
          (name, value) => setHeader(headers, name, value),
        )
      }
    }
    return headers && new Dispatch(policy, target, stamp, origin, request, headers)
  }

  return (dispatch) =>
    function affinityDispatch(request, handler) {
      const outer = current()
      let sent: Dispatch | undefined
      let decorated: object | undefined
      try {
        sent = stamped(request)
        decorated = decorateHandler(handler, sent)
        if (decorated !== undefined) hideMissing(decorated, handler)
      } catch {
        sent = undefined
        warnOnce('a fault of its own kept a request from being stamped. The request was sent without a key')
      }
      const options = sent === undefined ? request : { ...request, headers: sent.headers }
      // From the beginning: the code below may leave the scope, or queue the request and create it in another scope.
      if (sent !== undefined) trackCall(sent, outer)
      // Also for a call that is not stamped: a request that is repeated for it must not be taken for one of another call.
      const to = (decorated ?? handler) as typeof handler
      try {
        return runInCall(outer, sent, policy, () => dispatch(options, to))
      } catch (error) {
        if (sent !== undefined) releaseCall(sent)
        throw error
      }
    }
}
