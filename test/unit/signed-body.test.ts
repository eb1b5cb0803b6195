import aws4 from 'aws4'
import { describe, expect, it } from 'vitest'
import { signsBody } from '../../packages/llm-affinity/src/stamping/signed-body.ts'

describe('signsBody', () => {
  it.each([
    'AWS4-HMAC-SHA256 Credential=id/20261126/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=ab',
    'AWS4-ECDSA-P256-SHA256 Credential=id/20261126/bedrock/aws4_request, SignedHeaders=host, Signature=ab',
    'AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=',
    'AWS3-HTTPS AWSAccessKeyId=id,Algorithm=HmacSHA256,Signature=ab',
    'GOOG4-HMAC-SHA256 Credential=id, SignedHeaders=host, Signature=ab',
    'GOOG4-RSA-SHA256 Credential=id, SignedHeaders=host, Signature=ab',
    'TC3-HMAC-SHA256 Credential=id/2026-11-26/hunyuan/tc3_request, SignedHeaders=content-type;host, Signature=ab',
    'ACS3-HMAC-SHA256 Credential=id,SignedHeaders=host,Signature=ab',
    'acs id:ab',
    'OSS4-HMAC-SHA256 Credential=id, Signature=ab',
    'SDK-HMAC-SHA256 Access=id, SignedHeaders=host, Signature=ab',
    'HMAC-SHA256 Credential=id/20261126/cn-north-1/ml_maas/request, SignedHeaders=host, Signature=ab',
    'HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=ab',
    'EG1-HMAC-SHA256 client_token=t;access_token=a;timestamp=t;nonce=n;signature=ab',
    'bce-auth-v1/id/2026-11-26T00:00:00Z/1800/host/ab',
    'SharedKey account:ab',
    'SharedKeyLite account:ab',
    'Signature version="1",keyId="ocid1",algorithm="rsa-sha256",headers="date x-content-sha256",signature="ab"',
    'hmac username="u", algorithm="hmac-sha256", headers="date digest", signature="ab"',
    'acquia-http-hmac realm="r",id="i",nonce="n",version="2.0",signature="ab"',
    'Hawk id="i", ts="1", nonce="n", hash="h", mac="m"',
    'Digest username="u", realm="r", nonce="n", uri="/", qop=auth-int, response="r"',
    'OAuth oauth_consumer_key="k", oauth_body_hash="h", oauth_signature="s"',
    'JDCLOUD2-HMAC-SHA256 Credential=id, SignedHeaders=host, Signature=ab',
    'Unheard-Of id="i", signature="ab"',
  ])('is true for the scheme of %s', (authorization) => {
    expect(signsBody(new Headers({ authorization }))).toBe(true)
    expect(signsBody(new Headers({ authorization: authorization.toLowerCase() }))).toBe(true)
  })

  it.each([
    'content-digest',
    'repr-digest',
    'digest',
    'content-md5',
    'signature',
    'signature-input',
    'x-amz-content-sha256',
    'x-amz-checksum-crc32',
    'x-ms-content-sha256',
    'x-acs-content-sha256',
    'x-content-sha256',
    'x-goog-hash',
    'x-hub-signature-256',
    'x-signature-ed25519',
    'x-hmac-signature',
    'x-hmac-digest',
    'stripe-signature',
  ])('is true where %s is set', (name) => {
    expect(
      signsBody(
        new Headers([
          ['Authorization', 'Bearer token'],
          [name.toUpperCase(), 'x'],
        ]),
      ),
    ).toBe(true)
  })

  it.each([
    'Bearer sk-hmac-sha256-signature',
    'Bearer AWS4-HMAC-SHA256',
    'Basic aG1hYzpzaGEyNTY=',
    'Api-Key AQVN-sha256',
    'Bearer id:secret',
    'Key id:secret',
    'Token r8_token',
    'DPoP ey.J.x',
    'Negotiate YII=',
    'sk-plain-token',
    '',
  ])('is false for the scheme of %s', (authorization) => {
    expect(signsBody(new Headers({ authorization }))).toBe(false)
  })

  it('is false for headers that SDKs and browsers send with every call', () => {
    const names =
      'accept accept-signature api-key content-length content-type cookie dpop idempotency-key openai-organization traceparent user-agent want-content-digest want-repr-digest want-digest x-api-key x-amz-date x-hashtag x-request-id x-session-id x-stainless-retry-count'
    expect(signsBody(new Headers(names.split(' ').map((name) => [name, '1'])))).toBe(false)
    expect(signsBody(new Headers())).toBe(false)
  })

  it('is true for a request that is signed for AWS', () => {
    const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' }
    const { headers } = aws4.sign({ host: 'localhost', service: 'bedrock', path: '/', body: '{}' }, credentials)
    expect(signsBody(new Headers(headers as Record<string, string>))).toBe(true)
  })

  it('reads headers of any length in linear time', () => {
    const long = 'x-'.repeat(30_000)
    expect(signsBody(new Headers([[`${long}digests`, '1']]))).toBe(false)
    for (const part of ['x', 'x=', ' ', '= ', 'x ', ':', 'bearer']) {
      expect(signsBody(new Headers({ authorization: `q ${part.repeat(100_000)}:` }))).toBe(true)
    }
  })
})
