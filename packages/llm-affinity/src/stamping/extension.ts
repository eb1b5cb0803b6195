// What takes part in the calls of an integration if the user gives it in `use`. Its code is in entries of its own, so
// that applications that do not use it do not load it.

import type { Gateway } from '../gateways/gateway.js'
import type { Session } from '../session/session.js'

/** The gateway that a call goes to. */
export interface Target {
  readonly gateway: Gateway
  /** Empty if it is not known. */
  readonly origin: string
  /** The path of the URL. */
  readonly path: string
  /** The body field that carries the key at this URL. */
  readonly field: string | undefined
}

/** What decides whether and where a call is stamped. */
export interface Targeting {
  /** The session that the integration is bound to. */
  readonly session: Session | undefined
  /** The gateway behind a URL; undefined if requests to it are not stamped. */
  targetFor(url: string): Target | undefined
}

/** Takes part in the calls of an integration: a `LearnedState` or a `CacheDiagnostics`, passed in the option `use`. */
export interface Extension {
  /** Called at set-up. Throws a TypeError if it does not fit the gateway that the user has named. */
  readonly accepts?: (gateway: string | undefined) => void
  /**
   * Called before each call of an integration that is a fetch, with its arguments. It does not throw.
   *
   * @returns What the call waits for, which never rejects; undefined for nothing.
   */
  readonly ready?: (
    to: Targeting,
    args: readonly [input: unknown, init?: RequestInit | undefined],
  ) => Promise<unknown> | undefined
  /**
   * Called for each request, before the session's key is read. Undefined if it has nothing to do with the request.
   *
   * @param session The session, or the lane of a side call to a gateway that requires a key.
   * @param body The body, where it is known.
   */
  readonly request: (session: Session, target: Target, body: unknown) => ExtensionRequest | undefined
}

/** The part of an extension in one request. None of its methods throws. */
export interface ExtensionRequest {
  /**
   * Returns the init of a fetch, with what the extension adds.
   *
   * @param request The Request that is sent with this init, if there is one.
   */
  write(init: RequestInit, request?: Request): RequestInit
  /** Does the same for other requests, header by header. `set` replaces a header. */
  writeHeaders(get: (name: string) => unknown, set: (name: string, value: string) => void): void
  /** Removes what was added from the raw headers of a request that turned out to go to another origin. */
  removeFrom(headers: unknown[]): void
  /**
   * Called with an answer, before the caller gets it.
   *
   * @param headers A Headers object, a plain object, or a raw list of names and values.
   */
  answered(status: number, headers: unknown, response?: Response): void
  /** Called if there was no answer, or it broke off. */
  failed(error: unknown): void
  /** Called when the call has its answer, or will have none; maybe more than once, and before `answered` and `failed`. */
  ended(): void
}
