// The servers of a test file, the program on a Node, and what is expected of the requests that arrive.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Probe, startProgram, stopAll } from '../runtimes/start.ts'
import { NAMES } from '../support/wire.ts'
import { folder, isInstalled } from './packages.ts'
import { type Certificate, type Received, type Server, startServer } from './servers.ts'
import { type Client, missing, type Node } from './table.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Two servers of one scheme, under the names of two hosts and under the address of both. */
export class Pair {
  readonly home: Server
  readonly foreign: Server
  readonly #scheme: string
  constructor(scheme: string, home: Server, foreign: Server) {
    this.#scheme = scheme
    this.home = home
    this.foreign = foreign
  }
  get origin(): string {
    return `${this.#scheme}://gateway.test:${this.home.port}`
  }
  get foreignOrigin(): string {
    return `${this.#scheme}://foreign.test:${this.foreign.port}`
  }
  get loopback(): string {
    return `${this.#scheme}://127.0.0.1:${this.home.port}`
  }
  get foreignLoopback(): string {
    return `${this.#scheme}://127.0.0.1:${this.foreign.port}`
  }
  get all(): readonly Server[] {
    return [this.home, this.foreign]
  }
}

export interface World {
  readonly http: Pair
  /** Undefined where no certificate can be made: the package is not installed. */
  readonly https: Pair | undefined
  /** Starts the program. It ends with the test. */
  start(node: Node): Probe
}

/** Starts servers for the tests of a file, which are cleared before each. */
export function useWorld(): World {
  const pairs: Pair[] = []
  const probes: Probe[] = []
  let temporary: string | undefined
  beforeAll(async () => {
    const isBuilt = existsSync(here('../../packages/llm-affinity/dist/instrument.js'))
    expect(isBuilt, 'the packages are built first: npm test does').toBe(true)
    pairs.push(new Pair('http', await startServer(), await startServer()))
    if (!isInstalled) return
    const certificate = await makeCertificate()
    temporary = mkdtempSync(join(tmpdir(), 'llm-affinity-'))
    const file = join(temporary, 'certificate.pem')
    writeFileSync(file, certificate.cert)
    // Every client of the program trusts it, and none needs an option for that.
    process.env.NODE_EXTRA_CA_CERTS = file
    pairs.push(new Pair('https', await startServer(certificate), await startServer(certificate)))
  })
  beforeEach(() => {
    for (const server of pairs.flatMap(({ all }) => all)) server.clear()
  })
  afterEach(() => Promise.all(probes.splice(0).map((probe) => probe.close())))
  afterAll(async () => {
    await stopAll()
    await Promise.all(pairs.flatMap(({ all }) => all).map((server) => server.close()))
    if (temporary !== undefined) rmSync(temporary, { recursive: true })
  })
  return {
    get http() {
      if (pairs[0] === undefined) throw new Error('the servers start before the tests')
      return pairs[0]
    },
    get https() {
      return pairs[1]
    },
    start({ binary = '' }) {
      const probe = startProgram(binary, [], here('program.mjs'))
      probes.push(probe)
      return probe
    },
  }
}

async function makeCertificate(): Promise<Certificate> {
  const path = createRequire(join(folder, 'package.json')).resolve('selfsigned')
  const { generate } = await import(pathToFileURL(path).href)
  const hosts = ['gateway.test', 'foreign.test'].map((value) => ({ type: 2, value }))
  const extensions = [
    { name: 'basicConstraints', cA: true },
    { name: 'subjectAltName', altNames: [...hosts, { type: 7, ip: '127.0.0.1' }] },
  ]
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'gateway.test' }], { extensions })
  return { key, cert }
}

/** Describes the same for every Node, as far as it is installed. */
export function describeNodes(chosen: readonly Node[], describeNode: (node: Node) => void): void {
  describe.each(chosen)('$title', (node) => {
    const reason = missing(node)
    if (reason === undefined) describeNode(node)
    else skip(reason)
  })
}

/** One test for a client on a Node, or none with the reason. */
export function itIsTrueOf(node: Node, client: Client, title: string, fn: () => Promise<void>): void {
  const reason = missing(node, client)
  if (reason === undefined) it(`${client.name}: ${title}`, fn)
  else skip(reason)
}

function skip(reason: string): void {
  console.log(`skipped: ${reason}`)
  it.skip(reason)
}

/** What is wrong with a request that arrived at an origin that is named, or undefined. */
function faultAtHome({ id, keys }: Received, reach: Client['reach']): string | undefined {
  const [key] = keys
  if (key === undefined) return id.startsWith('conversation') && reach === 'all' ? `${id} without a key` : undefined
  if (keys.length !== NAMES.length) return `${id} with ${keys.length} headers`
  if (keys.some((other) => other !== key)) return `${id} with the keys ${keys}`
  return key === id && reach !== 'none' ? undefined : `${id} with the key of ${key}`
}

/** Asserts what arrived: the right keys at the origin that is named, and no key at the other. */
export function expectKeys({ home, foreign }: Pair, reach: Client['reach']): void {
  expect(home.received.map((request) => faultAtHome(request, reach)).filter((fault) => fault !== undefined)).toEqual([])
  expect(foreign.received.filter(({ keys }) => keys.length > 0)).toEqual([])
  const keyed = home.received.filter(({ keys }) => keys.length > 0)
  expect(keyed.length > 0).toBe(reach !== 'none')
}
