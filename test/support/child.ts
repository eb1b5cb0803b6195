import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

/** How a child process ended, and all that it wrote. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the Node that runs this, and waits for its end. What is left after `timeout` is killed, and its code is null. */
export async function runNode(
  args: readonly string[],
  options: { readonly cwd?: string; readonly input?: string; readonly timeout?: number } = {},
): Promise<Ended> {
  const { cwd, input = '', timeout = 30_000 } = options
  // No colours in what is compared, nothing that a test runner or a shell puts into every Node, and no reports to a
  // framework's maker.
  const forgotten = { FORCE_COLOR: undefined, NODE_OPTIONS: undefined }
  const env = { ...process.env, ...forgotten, NO_COLOR: '1', MASTRA_TELEMETRY_DISABLED: '1' }
  const child = spawn(process.execPath, args, { env, timeout, ...(cwd !== undefined && { cwd }) })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, stdout, stderr }
}
