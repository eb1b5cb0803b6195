import type { Reporter, TestModule } from 'vitest/node'

/** Prints one plain line at the end, for programs that do not parse vitest's own output. */
export default class Summary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 }
    for (const module of modules) {
      // Errors of a module or a suite: its import, its describe or one of its hooks failed.
      for (const suite of [module, ...module.children.allSuites()]) count.failed += suite.errors().length
      for (const test of module.children.allTests()) count[test.result().state]++
    }
    console.log(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
  }
}
