// The packages as they are published, unpacked into a project.

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packages } from './pinned.ts'

const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'))
const pnpm: string = read(fileURLToPath(new URL('../../package.json', import.meta.url))).packageManager

/** Packs the built packages and unpacks them into the projects' node_modules. */
export function installPacked(projects: readonly string[]): void {
  const folder = mkdtempSync(join(tmpdir(), 'llm-affinity-'))
  for (const from of packages) {
    // pnpm, since it writes versions where the workspace's manifests have `workspace:`.
    const args = ['-y', pnpm, 'pack', '--json', '--pack-destination', folder]
    const { filename } = JSON.parse(
      execFileSync('npx', args, { cwd: from, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    )
    for (const project of projects) {
      const to = join(project, 'node_modules', read(join(from, 'package.json')).name)
      rmSync(to, { recursive: true, force: true })
      mkdirSync(to)
      execFileSync('tar', ['-xzf', filename, '-C', to, '--strip-components=1'])
    }
  }
  rmSync(folder, { recursive: true })
}

/** Copies a project's own files, and returns where they are. What an earlier run has left is removed. */
export function place(name: string, into: string): string {
  const to = join(into, name)
  rmSync(to, { recursive: true, force: true })
  cpSync(fileURLToPath(new URL(`projects/${name}`, import.meta.url)), to, { recursive: true })
  return to
}
