// Programs that are built here, from the source that the proxy of Go modules has.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { command } from '../support/command.ts'
import { installed } from '../support/installed.ts'
import { fill, receiptOf } from '../support/receipt.ts'

export interface GoModule {
  readonly name: string
  /** Its path in Go's own words: `github.com/thushan/olla`. */
  readonly module: string
  readonly version: string
  /** Where in the module its `main` is: `.`, or a folder such as `./cmd/server`. */
  readonly main: string
}

/** A program that is built from a Go module. */
export interface Built {
  find(): string | undefined
  install(): Promise<void>
}

// What the machine sets for other builds does not count here. Without C: the same time, and no compiler for it is needed.
const ENV = { CGO_ENABLED: '0', GO111MODULE: 'on', GOFLAGS: '-mod=readonly', GOWORK: 'off' }

export function go({ name, module, version, main }: GoModule): Built {
  const folder = join(installed, name)
  const binary = join(folder, name)
  const pinned = `${module}@v${version}`
  const find = (): string | undefined => (receiptOf(folder) === pinned && existsSync(binary) ? binary : undefined)
  return {
    find,
    install: async () => {
      if (find() !== undefined) return
      await fill(folder, async () => {
        // Not `go install`: it asks for the versions beside the pinned one too, and does without the sums of the
        // module's own `go.sum`, which cover every module that it was released with.
        const source = await download(pinned, folder)
        await run(['build', '-C', source, '-trimpath', '-buildvcs=false', '-ldflags=-s -w', '-o', binary, main], folder)
        return pinned
      })
    },
  }
}

/** Where the source of a module is, which was checked against the public database of sums. */
async function download(pinned: string, cwd: string): Promise<string> {
  await run(['mod', 'download', pinned], cwd)
  const { Dir } = JSON.parse(await run(['mod', 'download', '-json', pinned], cwd)) as { readonly Dir: string }
  return Dir
}

async function run(args: readonly string[], cwd: string): Promise<string> {
  try {
    return await command('go', args, { cwd, env: ENV })
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    if (said.includes('ENOENT')) throw new Error('it is built from source, and there is no Go here')
    const old = /requires go >= ([\d.]+) \(running go ([\d.]+)/.exec(said)
    if (old !== null) throw new Error(`it is built with Go ${old[1]} or later, and the Go here is ${old[2]}`)
    throw error
  }
}
