import { randomInt } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { request as overHttp } from 'node:http'
import { request as overHttps } from 'node:https'
import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { Readable } from 'node:stream'
import type { Fetch } from 'llm-affinity'

const MOST = 8

/** Addresses of this machine from which this host can be called: several, or none. */
export async function addressesTo(host: string): Promise<readonly string[]> {
  const { address } = await lookup(host.replace(/^\[|\]$/g, ''))
  if (address.startsWith('127.')) {
    // On Linux all of 127.0.0.0/8 is local. Some balancers only read the first three octets.
    const number = (): number => randomInt(1, 255)
    return process.platform === 'linux'
      ? Array.from({ length: MOST }, () => `127.${number()}.${number()}.${number()}`)
      : []
  }
  const family = isIPv4(address) ? 'IPv4' : 'IPv6'
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return all
    .filter((each) => each.family === family && !each.internal)
    .map((each) => each.address)
    .slice(0, MOST)
}

/** A fetch that sends from this local address. It supports only what an SDK's call needs. */
export function fetchFrom(localAddress: string): Fetch {
  return (input, init = {}) =>
    new Promise((resolve, reject) => {
      const url = new URL(typeof input === 'object' && 'url' in input ? input.url : input)
      const request = url.protocol === 'https:' ? overHttps : overHttp
      const { method = 'GET', headers, body, signal } = init
      const options = { method, headers: Object.fromEntries(new Headers(headers)), localAddress, agent: false as const }
      const outgoing = request(url, { ...options, ...(signal && { signal }) }, (answer) => {
        const { statusCode: status = 502, headers: answered } = answer
        const pairs = Object.entries(answered).flatMap(([name, value]) =>
          [value ?? []].flat().map((each): [string, string] => [name, each]),
        )
        resolve(new Response(Readable.toWeb(answer) as ReadableStream, { status, headers: pairs }))
      })
      outgoing.once('error', reject)
      outgoing.end(typeof body === 'string' ? body : undefined)
    })
}
