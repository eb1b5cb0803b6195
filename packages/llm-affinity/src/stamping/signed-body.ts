// Which requests must keep their body, byte for byte: those whose headers prove what it is.

// Carry a digest of the body, or a signature that may cover it: `content-digest`, `x-amz-content-sha256`,
// `signature-input`, `x-hub-signature-256`, `x-goog-hash`, `x-amz-checksum-crc32`. Those that begin with `want-` or
// `accept-` only ask for one in the response.
const PROOF = /^(?!want-|accept-)(.*-)?(digest|signature|hmac|hash|checksum|content-md5|content-sha\d+)(-.*)?$/

// Credentials that only tell who calls: a token alone, or behind the name of its scheme. Those that sign a request have
// parts, such as the names of the headers that they cover, and there are many schemes of them.
const TOKEN = /^((basic|bearer|key)\s.*|(\S+ +)?[\w.~+/-]*=*)$/i

/**
 * Whether the headers of a request sign or digest its body, so that a changed body would be refused. In doubt they do:
 * a body that is left alone costs a pin, and one that is changed costs the call.
 */
export function signsBody(headers: Headers): boolean {
  if (!TOKEN.test(headers.get('authorization') ?? '')) return true
  for (const name of headers.keys()) if (PROOF.test(name)) return true
  return false
}
