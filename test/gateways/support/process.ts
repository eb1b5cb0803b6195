import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { guard } from './guard.ts'

export interface ProcessOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Asked again and again until it gives true; what it throws counts as false. Sees what the program has written so far. */
  readonly ready: (said: string) => Promise<boolean>
  /** Milliseconds that it may take to be ready. @default 60_000 */
  readonly patience?: number
  /** @default 'SIGTERM' */
  readonly signal?: NodeJS.Signals
}

/** A child process that is ready. */
export interface Process extends AsyncDisposable {
  readonly pid: number
  said(): string
  stop(): Promise<void>
}

/** Starts a program and waits until it is ready. Rejects with what it wrote where it ends before, or is not ready in time. */
export async function startProcess(
  binary: string,
  args: readonly string[],
  { cwd, env, ready, patience = 60_000, signal = 'SIGTERM' }: ProcessOptions,
): Promise<Process> {
  const child = spawn(binary, args, {
    env: { ...process.env, NODE_OPTIONS: undefined, FORCE_COLOR: undefined, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // It leads a group, so that what it starts can be ended with it.
    detached: true,
    ...(cwd !== undefined && { cwd }),
  })
  const pid = child.pid ?? 0
  const isGone = pid === 0 ? () => {} : guard(`group ${pid}`)
  const killAll = (): void => {
    try {
      if (pid !== 0) process.kill(-pid, 'SIGKILL')
    } catch {
      // All of them have ended.
    }
  }
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  }
  let hasEnded = false
  const end = new Promise<void>((resolve) => {
    const ended = (): void => {
      hasEnded = true
      isGone()
      resolve()
    }
    // Its workers, if there are any left, hold its output open.
    child.once('exit', killAll)
    child.once('close', ended)
    child.once('error', (error) => {
      said += String(error)
      ended()
    })
  })
  const stop = async (): Promise<void> => {
    if (hasEnded) return
    child.kill(signal)
    // Some wait for open connections to end by themselves.
    const late = setTimeout(killAll, 3000)
    await end
    clearTimeout(late)
  }
  const until = Date.now() + patience
  while (!(await ready(said).catch(() => false))) {
    if (hasEnded || Date.now() > until) {
      await stop()
      throw new Error(`${binary} ${hasEnded ? 'ended before it was' : 'did not become'} ready. It said: ${said}`)
    }
    await sleep(50)
  }
  return { pid, said: () => said, stop, [Symbol.asyncDispose]: stop }
}

/** Does something to a program, and waits until it has written this text once more than before. */
export async function saysOnceMore({ said }: Process, text: string, act: () => void, patience = 10_000): Promise<void> {
  const times = (): number => said().split(text).length
  const before = times()
  act()
  const until = Date.now() + patience
  while (times() === before) {
    if (Date.now() > until) throw new Error(`It did not say "${text}". It said: ${said()}`)
    await sleep(20)
  }
}

/** Ready when this URL is answered at all, or as `is` says. */
export function answers(url: string, is: (response: Response) => boolean = () => true): () => Promise<boolean> {
  return async () => {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) })
    await response.body?.cancel()
    return is(response)
  }
}

/** A port of the loopback interface that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
