// Runs programs of a project as its user would: with nothing of a test runner in the environment.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'

const { PATH, HOME, TMPDIR } = process.env
const CLEAN = { PATH, HOME, TMPDIR, NO_COLOR: '1', NEXT_TELEMETRY_DISABLED: '1' }
const running = new Set<ChildProcess>()

/** Ends what still runs: a test that failed may have left it. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map(stop))
}

/**
 * Runs Node to its end.
 *
 * @returns What it wrote.
 * @throws Error with all that it wrote, when it fails.
 */
export async function node(cwd: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const child = start(cwd, args, env)
  const closed = once(child, 'close')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = await closed
  if (code !== 0) throw new Error(`node ${args.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`)
  return `${stdout}${stderr}`
}

/** Starts a server that prints its address, and returns that and how to stop it. */
export async function serve(cwd: string, args: readonly string[]): Promise<{ origin: string; stop(): Promise<void> }> {
  const child = start(cwd, args)
  const errors = text(child.stderr)
  for await (const line of createInterface({ input: child.stdout })) {
    const [origin] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? []
    if (origin !== undefined) return { origin, stop: () => stop(child) }
  }
  throw new Error(`node ${args.join(' ')} ended:\n${await errors}`)
}

function start(cwd: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, args, { cwd, env: { ...CLEAN, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  child.once('close', () => running.delete(child))
  return child
}

async function stop(child: ChildProcess): Promise<void> {
  if (!running.has(child)) return
  child.kill('SIGKILL')
  await once(child, 'close')
}
