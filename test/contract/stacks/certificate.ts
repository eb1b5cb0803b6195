import { generate } from 'selfsigned'

/** A self-signed certificate for these host names and the loopback address. */
export async function certificate(names: readonly string[]): Promise<{ cert: string; key: string }> {
  const altNames = names.map((value) => ({ type: 2, value }) as const)
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'llm-affinity test' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [...altNames, { type: 7, ip: '127.0.0.1' }] },
    ],
  })
  return { cert, key }
}
