// Requests whose body must not change: those whose headers sign or digest it.

// Headers with a digest of the body, or a signature that may cover it: `content-digest`, `x-amz-content-sha256`,
// `signature-input`, `x-hub-signature-256`, `x-goog-hash`, `x-amz-checksum-crc32`. Those that begin with `want-` or
// `accept-` only request one in the response.
const PROOF = /^(?!want-|accept-)(.*-)?(digest|signature|hmac|hash|checksum|content-md5|content-sha\d+)(-.*)?$/

// Credentials that only identify the caller: a token, with or without the name of its scheme. Credentials that sign a request
// have several parts, such as the names of the headers that they cover, and there are many such schemes.
const TOKEN = /^((basic|bearer|key)\s.*|(\S+ +)?[\w.~+/-]*=*)$/i

/**
 * Whether the headers of a request sign or digest its body, so that a changed body would be rejected. True if in doubt: an
 * unchanged body loses the pin, a changed one loses the call.
 */
export function signsBody(headers: Headers): boolean {
  if (!TOKEN.test(headers.get('authorization') ?? '')) return true
  for (const name of headers.keys()) if (PROOF.test(name)) return true
  return false
}

/** Whether a member may be added to a body: it is JSON by its headers, and nothing signs it. */
export function isOpenJson(headers: Headers): boolean {
  return /json/i.test(headers.get('content-type') ?? '') && !signsBody(headers)
}
