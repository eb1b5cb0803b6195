import { spawn } from 'node:child_process'
import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

/** What must not outlive the tests: a process and all that it has started, or a folder. */
export type Guarded = `group ${number}` | `folder ${string}`

let lines: Writable | undefined

/**
 * Has something ended, or removed, when this process goes, however it goes: a test runner kills its workers, and then
 * nobody here is asked. A process has to lead a group of its own, as with `detached`.
 *
 * @returns The way to say that it is gone already.
 */
export function guard(what: Guarded): () => void {
  lines ??= startGuardian()
  lines.write(`+${what}\n`)
  return () => lines?.write(`-${what}\n`)
}

// It sees the end of this process as the end of its input.
function startGuardian(): Writable {
  const guardian = spawn(process.execPath, [fileURLToPath(new URL('guardian.mjs', import.meta.url))], {
    env: { ...process.env, NODE_OPTIONS: undefined },
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  // Neither it nor its absence keeps anybody from ending.
  guardian.unref()
  guardian.once('error', () => {})
  guardian.stdin.on('error', () => {})
  return guardian.stdin
}
