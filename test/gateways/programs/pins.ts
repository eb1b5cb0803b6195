import { readFileSync } from 'node:fs'

/** The packages of a file in the format of `pip freeze`, beside this one: by name, with their versions. */
export function pinsIn(file: string): Readonly<Record<string, string>> {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8')
  return Object.fromEntries(
    [...text.matchAll(/^([^#=\s]+)==(\S+)$/gm)].map(([, name = '', version = '']) => [name, version]),
  )
}
