// Starts the probe on a runtime, and hands it one case at a time.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** The probe, running. */
export interface Probe {
  /** Runs one case of the probe and gives what it gives. Rejects with the case's error, or with what a dying runtime said. */
  run(name: string, args?: object): Promise<unknown>
  close(): Promise<void>
}

interface Answer {
  readonly result?: unknown
  readonly error?: string
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const running = new Set<ChildProcess>()

/** Ends whatever still runs: a test that failed may not have come to its own end of things. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map(ended))
}

function started(
  binary: string,
  args: readonly string[],
  stdio: 'pipe' | 'ignore',
): { child: ChildProcess; said: () => string } {
  // Nothing that a test runner or a shell puts into every Node, no colours in what is read, no calls to a maker.
  const quiet = {
    NO_COLOR: '1',
    DO_NOT_TRACK: '1',
    DENO_NO_UPDATE_CHECK: '1',
    FORCE_COLOR: undefined,
    NODE_OPTIONS: undefined,
  }
  const child = spawn(binary, args, { env: { ...process.env, ...quiet }, stdio: [stdio, 'pipe', 'pipe', 'pipe'] })
  running.add(child)
  child.once('close', () => running.delete(child))
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  return { child, said: () => said }
}

async function ended(child: ChildProcess): Promise<void> {
  if (!running.has(child)) return
  child.kill('SIGKILL')
  await once(child, 'close')
}

/** On a runtime that runs a program. */
export function startProgram(binary: string, flags: readonly string[] = [], program = here('program.mjs')): Probe {
  const { child, said } = started(binary, [...flags, program], 'pipe')
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new Error('no pipes')
  stdin.on('error', () => {})
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  return {
    run: async (name, args = {}) => {
      stdin.write(`${JSON.stringify({ name, args })}\n`)
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`${binary} ended at ${name}: ${said()}`)
      return resultOf(JSON.parse(value))
    },
    close: () => ended(child),
  }
}

/** On a Node, bundled as for a browser: with `process.getBuiltinModule` or, as in a browser, without. */
export async function startBundle({ builtins }: { readonly builtins: boolean }): Promise<Probe> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-affinity-'))
  const outfile = join(folder, 'program.mjs')
  await bundle('program.mjs', outfile, ['browser'])
  const flags = builtins ? [] : ['--import=data:text/javascript,delete process.getBuiltinModule']
  const probe = startProgram(process.execPath, flags, outfile)
  return {
    run: probe.run,
    close: async () => {
      await probe.close()
      rmSync(folder, { recursive: true })
    },
  }
}

/**
 * In a Worker, bundled as Wrangler bundles unless other conditions are given.
 *
 * @throws Error with what workerd said, where the Worker does not start.
 */
export async function startWorker(
  binary: string,
  date: string,
  flags: readonly string[],
  conditions: readonly string[] = ['workerd', 'worker', 'browser'],
): Promise<Probe> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-affinity-'))
  await bundle('worker.mjs', join(folder, 'worker.js'), conditions)
  writeFileSync(join(folder, 'config.capnp'), configOf(date, flags))
  const { child, said } = started(binary, ['serve', join(folder, 'config.capnp'), '--control-fd=3'], 'ignore')
  const close = async (): Promise<void> => {
    await ended(child)
    rmSync(folder, { recursive: true })
  }
  // The fourth pipe: where workerd says which port it has found.
  const { value } = await createInterface({ input: child.stdio[3] as Readable })
    [Symbol.asyncIterator]()
    .next()
  if (value === undefined) {
    await close()
    throw new Error(said())
  }
  const url = `http://127.0.0.1:${JSON.parse(value).port}`
  return {
    run: async (name, args = {}) => {
      const answer = await fetch(url, { method: 'POST', body: JSON.stringify({ name, args }) })
      return resultOf((await answer.json()) as Answer)
    },
    close,
  }
}

async function bundle(entry: string, outfile: string, conditions: readonly string[]): Promise<void> {
  const external = ['node:*', 'undici', 'undici7']
  await build({
    entryPoints: [here(entry)],
    outfile,
    conditions: [...conditions],
    external,
    bundle: true,
    format: 'esm',
    platform: 'browser',
  })
}

function configOf(date: string, flags: readonly string[]): string {
  return `using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (
      services = [
        (name = "main", worker = (
          modules = [(name = "worker", esModule = embed "worker.js")],
          compatibilityDate = "${date}",
          compatibilityFlags = ${JSON.stringify(flags)},
          globalOutbound = "loopback",
        )),
        (name = "loopback", network = (allow = ["local"])),
      ],
      sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
    );`
}

function resultOf({ result, error }: Answer): unknown {
  if (error !== undefined) throw new Error(error)
  return result
}
