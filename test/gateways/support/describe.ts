import { describe } from 'vitest'
import type { Program } from './program.ts'

/** The tests of a real program; skipped, with a printed line, where it is not installed. */
export function describeProgram(program: Program, tests: () => void): void {
  const here = program.find() !== undefined
  if (!here) {
    console.log(
      `${program.title} ${program.version} is not installed: its tests are skipped. Run: npm run gateways:install`,
    )
  }
  describe.skipIf(!here)(`${program.title} ${program.version}`, tests)
}
