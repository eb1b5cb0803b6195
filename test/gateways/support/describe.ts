import { describe } from 'vitest'
import type { Program } from './program.ts'

/** The tests of a real program; skipped, with a printed line, where it is not installed. */
export function describeProgram(program: Program, tests: () => void): void {
  const here = program.find() !== undefined
  if (!here) console.log(`${notHere(program)}: its tests are skipped. ${howToInstall(program)}`)
  describe.skipIf(!here)(`${program.title} ${program.version}`, tests)
}

/** Why the tests of a program are skipped. */
export function notHere({ title, version, onlyOnDemand }: Program): string {
  const why = onlyOnDemand === undefined ? '' : `, which takes ${onlyOnDemand} and so is left out unless asked for`
  return `${title} ${version} is not installed${why}`
}

/** What to run for it. */
export function howToInstall({ name, onlyOnDemand }: Program): string {
  return `Run: npm run gateways:install${onlyOnDemand === undefined ? '' : ` -- ${name}`}`
}
