import { command } from '../support/command.ts'

/** A Python that the wheels of our pins are made for: the machine's own, else one that is called by its version. */
export async function findPython(): Promise<string> {
  for (const name of ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11']) {
    const version = await versionOf(name)
    if (version !== undefined && version >= 11 && version <= 14) return name
  }
  throw new Error('it needs Python 3.11, 3.12, 3.13 or 3.14, and there is none here')
}

// The 11 of 3.11.
async function versionOf(name: string): Promise<number | undefined> {
  try {
    const [major, minor] = (await command(name, ['-c', 'import sys; print(*sys.version_info[:2])'])).split(' ')
    return Number(major) === 3 ? Number(minor) : undefined
  } catch {
    return undefined
  }
}
