// Programs of Debian's own packages. They are unpacked into our folder and not installed: no service starts, no user is
// made, and apt's own state is left as it is.

import { existsSync, globSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command } from '../support/command.ts'
import { installed } from '../support/installed.ts'
import { fill, receiptOf } from '../support/receipt.ts'

export interface DebianPackage {
  readonly package: string
  /** Where in the package its executable is. */
  readonly binary: string
  /** What makes the executable say its version, and end. */
  readonly says: string
  /** The one that Debian 12 has, for the time in which none is installed. Security updates move it within a release. */
  readonly version: string
}

/** A program of Debian, as it lies in our folder. */
export interface Unpacked {
  /** The one that lies there, else the one that Debian 12 has. */
  readonly version: string
  /** What it is started with: where it finds the libraries that came with it, since the machine had none. */
  readonly env: Readonly<Record<string, string>>
  find(): string | undefined
  install(): Promise<void>
}

export function debian(wanted: DebianPackage): Unpacked {
  const folder = join(installed, wanted.package)
  const binary = join(folder, wanted.binary)
  const find = (): string | undefined => (receiptOf(folder) !== undefined && existsSync(binary) ? binary : undefined)
  const env = (): Record<string, string> => ({
    LD_LIBRARY_PATH: globSync(`${folder}/{usr/lib,lib}/*-linux-gnu`).join(':'),
  })
  const say = (): Promise<string> => command(binary, [wanted.says], { env: env() })
  const runs = (): Promise<boolean> =>
    say().then(
      () => true,
      () => false,
    )

  return {
    get version() {
      return receiptOf(folder) ?? wanted.version
    },
    get env() {
      return env()
    },
    find,
    install: async () => {
      // One that no longer runs, for want of a library that the machine once had, is brought again.
      if (find() !== undefined && (await runs())) return
      const bring = async (): Promise<string> => {
        const version = await unpack(wanted.package, folder)
        await say()
        return version
      }
      await inTurn(() => fill(folder, bring))
    },
  }
}

// apt is asked for one package at a time.
let queue: Promise<unknown> = Promise.resolve()
function inTurn<T>(task: () => Promise<T>): Promise<T> {
  const result = queue.then(task)
  queue = result.catch(() => {})
  return result
}

async function unpack(name: string, folder: string): Promise<string> {
  const cache = join(folder, 'apt')
  const files = await download(name, cache)
  for (const file of files) await command('dpkg-deb', ['--extract', file, folder])
  const own = files.find((file) => file.includes(`/${name}_`))
  if (own === undefined) throw new Error(`apt has brought no ${name}`)
  const version = await command('dpkg-deb', ['--field', own, 'Version'])
  rmSync(cache, { recursive: true })
  return upstream(version.trim())
}

/** The package, and those that it needs and this machine has not. */
async function download(name: string, cache: string): Promise<readonly string[]> {
  const into = [`Dir::Cache=${cache}`]
  const get = (options: readonly string[]): Promise<string> =>
    apt([...into, ...options], ['install', '--no-install-recommends', '--download-only', '--reinstall', name])
  try {
    await get([])
  } catch (error) {
    if (error instanceof Error && error.message.includes('ENOENT')) {
      throw new Error('it comes from the packages of Debian 12, and there is no apt-get here')
    }
    // The machine has no lists of packages, or some that are older than the packages.
    lists ??= fetchLists()
    await get([`Dir::State::lists=${await lists}`])
  }
  return globSync(`${cache}/archives/*.deb`)
}

let lists: Promise<string> | undefined
async function fetchLists(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-affinity-'))
  process.once('exit', () => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'partial'))
  await apt([`Dir::Cache=${folder}`, `Dir::State::lists=${folder}`], ['update'])
  return folder
}

// Without its locks and its user: it writes where we say, and nowhere else.
function apt(options: readonly string[], words: readonly string[]): Promise<string> {
  const all = [...options, 'Dir::Log=/dev/null', 'Debug::NoLocking=true', 'APT::Sandbox::User=root']
  return command('apt-get', ['-qq', '-y', ...all.flatMap((option) => ['-o', option]), ...words])
}

// `1:2.6.12-1+deb12u4` is Debian's fourth update of its first packaging of 2.6.12.
function upstream(version: string): string {
  return version.replace(/^\d+:/, '').replace(/-[^-]*$/, '')
}
