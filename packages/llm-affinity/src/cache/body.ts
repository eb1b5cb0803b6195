import type { ExtensionRequest } from '../stamping/extension.js'
import { changedHeaders } from '../stamping/request-headers.js'

/** A part in a request that only writes into its body. */
export abstract class BodyPart implements ExtensionRequest {
  abstract write(init: RequestInit): RequestInit
  writeHeaders(): void {}
  removeFrom(): void {}
  answered(_status: number, _headers: unknown, _response?: Response): void {}
  failed(): void {}
  ended(): void {}
}

/** The init with another text as its body, of the same JSON. A length that the caller has given is corrected. */
export function withBody(init: RequestInit, text: string): RequestInit {
  const headers = new Headers(init.headers)
  if (!headers.has('content-length')) return { ...init, body: text }
  const length = String(new TextEncoder().encode(text).length)
  return { ...init, body: text, headers: changedHeaders(init.headers, ['content-length'], length) }
}
