// Requests as Node announces them: the members that are used here.

import type { CreatedRequest } from '../stamping/guard.js'

/** A request of undici, to which headers can be added until it is written. */
export interface UndiciRequest extends CreatedRequest {
  readonly method?: unknown
  addHeader(name: string, value: string): void
}

/** A ClientRequest of node:http: the members that are used here. */
export interface HttpRequest {
  readonly protocol: string
  readonly host: string
  readonly path: string
  readonly socketPath?: string
  readonly agent?: HttpAgent | null
  readonly headersSent: boolean
  getHeader(name: string): unknown
  hasHeader(name: string): boolean
  setHeader(name: string, value: string): void
}

/** An agent of node:http: its connections and waiting requests, by names that begin with `host:port:`. */
interface HttpAgent {
  readonly sockets?: object
  readonly requests?: object
}
