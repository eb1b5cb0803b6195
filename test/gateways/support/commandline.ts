import { healthy } from './health.ts'
import { configOf } from './page.ts'
import { freePort, startProcess } from './process.ts'
import type { Backends, Running, StartOptions } from './program.ts'

/** How an inference router is run that is told all by its command line. */
export interface CommandLine {
  readonly binary: string
  /** Its page in docs/gateways. The first block of `sh` there is the command. */
  readonly page: string
}

/** Starts it on a free port, with the command of its page, and waits until it has found all backends well. */
export async function startCommandLine(
  { binary, page }: CommandLine,
  backends: Backends,
  options: StartOptions = {},
): Promise<Running> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const fronts = await healthy(backends)
  try {
    const shown = wordsOf(await configOf(page, 'sh', port, fronts.backends, options))
    // Two on one machine would meet on the port of the metrics, which the page leaves as it is.
    const args = [...shown.slice(1), '--prometheus-port', String(await freePort())]
    const isReady = async (): Promise<boolean> => {
      const response = await fetch(`${origin}/readiness`, { signal: AbortSignal.timeout(2000) })
      return (await response.text()).includes(`"healthy_workers":${backends.length}`)
    }
    // They would wait for seconds before they end, and have nothing to lose.
    const child = await startProcess(binary, args, { ready: isReady, signal: 'SIGKILL' })
    const stop = async (): Promise<void> => {
      await child.stop()
      await fronts.close()
    }
    return { origin, said: child.said, stop, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await fronts.close()
    throw error
  }
}

/** The words of a command. No shell comes between: what it would read otherwise than we do is refused. */
export function wordsOf(text: string): string[] {
  const line = text.replaceAll('\\\n', ' ').trim()
  if (/["'`$\\#|;&<>\n]/.test(line)) throw new Error(`Expected one plain command, got ${line}`)
  return line.split(/\s+/)
}
