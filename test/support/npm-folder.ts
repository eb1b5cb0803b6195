// npm packages in a folder of their own, outside of the workspace. `.ts` that every Node of the workspace runs as it is.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What npm is asked for: a version, or `npm:PACKAGE@VERSION` for a package under a name of ours. */
export type Wanted = Readonly<Record<string, string>>

/** What the last install that came to its end has brought. */
export function installedIn(folder: string): Wanted {
  try {
    return JSON.parse(readFileSync(receiptOf(folder), 'utf8'))
  } catch {
    return {}
  }
}

export function hasAll(folder: string, wanted: Wanted): boolean {
  const installed = installedIn(folder)
  return Object.entries(wanted).every(([name, version]) => installed[name] === version)
}

export function installInto(folder: string, wanted: Wanted): void {
  mkdirSync(folder, { recursive: true })
  // Without a receipt, what an interrupted install has left counts for nothing.
  rmSync(receiptOf(folder), { force: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: wanted }))
  const flags = ['--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error']
  execFileSync('npm', ['install', '--prefix', folder, ...flags], { stdio: 'inherit' })
  writeFileSync(receiptOf(folder), JSON.stringify(wanted))
}

function receiptOf(folder: string): string {
  return join(folder, 'receipt.json')
}
