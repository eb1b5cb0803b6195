import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** A Caddy that runs, and answers. */
export interface Caddy {
  readonly origin: string
  /** Ends it, and waits for its end. */
  stop(): Promise<void>
}

// Where `npm run gateways:install` puts it.
const installed = fileURLToPath(new URL('../../test/gateways/.installed/caddy-released/bin/caddy', import.meta.url))

/** The executable, or undefined where there is none. */
export function findCaddy(): string | undefined {
  const onPath = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'caddy'))
  return [installed, ...onPath].find((path) => existsSync(path))
}

export async function startCaddy(binary: string, upstreams: readonly string[]): Promise<Caddy> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const folder = await mkdtemp(join(tmpdir(), 'chat-app-'))
  await writeFile(join(folder, 'Caddyfile'), caddyfile(port, upstreams))
  const child = spawn(binary, ['run', '--config', 'Caddyfile'], {
    cwd: folder,
    // It keeps files of its own below its home, which is not to be the user's.
    env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    // Only its end is of use.
    said = (said + text).slice(-4_000)
  })
  let isRunning = true
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      said += error
    })
    child.once('close', () => {
      isRunning = false
      resolve()
    })
  })
  // However this process ends, but for a SIGKILL.
  const kill = () => child.kill()
  process.once('exit', kill)
  const stop = async () => {
    process.off('exit', kill)
    kill()
    await ended
    await rm(folder, { recursive: true, force: true })
  }
  while (!(await answers(origin))) {
    if (isRunning) {
      await sleep(50)
      continue
    }
    await stop()
    throw new Error(`${binary} has ended: ${said}`)
  }
  return { origin, stop }
}

// What docs/gateways/caddy.md shows, for these upstreams, and without the socket that `caddy reload` uses.
function caddyfile(port: number, upstreams: readonly string[]): string {
  return `{
	admin off
	auto_https off
	persist_config off
}

:${port} {
	bind 127.0.0.1
	reverse_proxy ${upstreams.map((origin) => new URL(origin).host).join(' ')} {
		lb_policy header X-Session-Id
	}
}
`
}

async function answers(origin: string): Promise<boolean> {
  try {
    const response = await fetch(`${origin}/v1/models`)
    await response.body?.cancel()
    return true
  } catch {
    return false
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('There is no free port')
  return address.port
}
