// What docs/runtimes.md speaks of. `.ts` that every Node of the workspace runs as it is: install.ts imports it.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installedIn, type Wanted } from '../support/npm-folder.ts'

/** A runtime as the npm registry has it: one package a platform, with a binary and no install script. */
export interface Pinned {
  readonly name: string
  readonly version: string
  /** Of this machine's platform. */
  readonly package: string
  /** Where in the package its binary is. */
  readonly binary: string
}

const { arch, platform } = process
const aarch = arch === 'arm64' ? 'aarch64' : arch
const glibc = platform === 'linux' ? '-glibc' : ''
const node = { package: `node-${platform}-${arch}`, binary: 'bin/node' }

export const pinned = {
  node22: { name: 'Node', version: '22.23.3', ...node },
  node26: { name: 'Node', version: '26.10.0', ...node },
  bun: { name: 'Bun', version: '1.4.5', package: `@oven/bun-${platform}-${aarch}`, binary: 'bin/bun' },
  deno: { name: 'Deno', version: '2.9.6', package: `@deno/${platform}-${arch}${glibc}`, binary: 'deno' },
  workerd: {
    name: 'workerd',
    version: '1.20261117.1',
    package: `@cloudflare/workerd-${platform}-${arch === 'x64' ? '64' : arch}`,
    binary: 'bin/workerd',
  },
} as const satisfies Record<string, Pinned>

export type RuntimeName = keyof typeof pinned
export const names = Object.keys(pinned) as RuntimeName[]

// A folder of its own and no workspace package: its several `node`s would stand before the workspace's own.
export const folder: string = fileURLToPath(new URL('.installed', import.meta.url))

/** What npm is asked for: each under our own name, since one package is here in two versions. */
export const wanted: Wanted = Object.fromEntries(
  Object.entries(pinned).map(([as, { package: from, version }]) => [as, `npm:${from}@${version}`]),
)

/** The binary of a runtime, or undefined where it is not installed, or another version than the pinned one is. */
export function binaryOf(name: RuntimeName): string | undefined {
  const binary = join(folder, 'node_modules', name, pinned[name].binary)
  return installedIn(folder)[name] === wanted[name] && existsSync(binary) ? binary : undefined
}
