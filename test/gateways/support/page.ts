import { snippetsOf } from '../../support/snippets.ts'
import type { Backends, StartOptions } from './program.ts'

/** Where pages say that the gateway listens, and where its backends do. Tests put free ports in their place. */
const GATEWAY_PORT = 4000
const BACKENDS = ['127.0.0.1:9001', '127.0.0.1:9002', '127.0.0.1:9003'] as const

/**
 * The config that a page of docs/gateways shows, for this port and these backends.
 *
 * @param language The word after the fence of the block; of several such blocks, the first.
 */
export async function configOf(
  name: string,
  language: string,
  port: number,
  backends: Backends,
  options: StartOptions = {},
): Promise<string> {
  return filled(await blockOf(name, language), port, backends, options)
}

/** A config with this port and these backends in place of those that pages have. */
export function filled(
  text: string,
  port: number,
  backends: Backends,
  { edit = (config) => config }: StartOptions = {},
): string {
  const config = edit(text)
  for (const address of BACKENDS) {
    if (!config.includes(address)) throw new Error(`The config does not name the backend ${address}`)
  }
  return BACKENDS.reduce(
    (all, address, at) => all.replaceAll(address, new URL(backends[at]?.origin ?? '').host),
    config.replaceAll(String(GATEWAY_PORT), String(port)),
  )
}

/** The first block of a language on a page of docs/gateways. */
export async function blockOf(name: string, language: string): Promise<string> {
  const page = `docs/gateways/${name}.md`
  const block = (await snippetsOf(page)).find((each) => each.language === language)
  if (block === undefined) throw new Error(`${page} has no block of ${language}`)
  return block.code
}
