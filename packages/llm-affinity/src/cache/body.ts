import { changedHeaders } from '../stamping/request-headers.js'

/** The init with another text as its body, of the same JSON. A length that the caller has given is corrected. */
export function withBody(init: RequestInit, text: string): RequestInit {
  const headers = new Headers(init.headers)
  if (!headers.has('content-length')) return { ...init, body: text }
  const length = String(new TextEncoder().encode(text).length)
  return { ...init, body: text, headers: changedHeaders(init.headers, ['content-length'], length) }
}

/** Whether a member can be added to this body: the text of a JSON object that nothing has signed. */
export function isJson(init: RequestInit): init is RequestInit & { readonly body: string } {
  return typeof init.body === 'string' && /json/i.test(new Headers(init.headers).get('content-type') ?? '')
}
