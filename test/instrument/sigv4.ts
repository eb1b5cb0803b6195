// AWS Signature Version 4, as its servers verify it.

import { createHash, createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

const CREDENTIAL =
  /^AWS4-HMAC-SHA256 Credential=[^/]+\/(\d+)\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]+)$/

const sha256 = (data: string): string => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest()

/** A request without a query, whose path has no character that would have to be escaped. */
export interface SignedRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Whether a request is signed with this secret, over the body and the headers that it arrived with. */
export function isSignedWith(secret: string, { method, path, headers, body }: SignedRequest): boolean {
  const [, date, region, service, signedHeaders, signature] = CREDENTIAL.exec(headers.authorization ?? '') ?? []
  if (!date || !region || !service || !signedHeaders) return false
  const lines = signedHeaders.split(';').map((name) => `${name}:${String(headers[name] ?? '').trim()}\n`)
  const canonical = [method, path, '', lines.join(''), signedHeaders, sha256(body)].join('\n')
  const scope = [date, region, service, 'aws4_request']
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope.join('/'), sha256(canonical)].join('\n')
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secret}`)
  return hmac(key, toSign).toString('hex') === signature
}
