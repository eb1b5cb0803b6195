import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import SlowestFirst from './test/support/slowest-first.ts'

const from = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    // Tests read the sources, so that a change is seen without a build. test/package reads what is published.
    alias: [
      { find: /^llm-affinity$/, replacement: from('packages/llm-affinity/src/index.ts') },
      { find: /^llm-affinity\/gateways$/, replacement: from('packages/llm-affinity/src/gateways.ts') },
      { find: /^llm-affinity\/undici$/, replacement: from('packages/llm-affinity/src/undici.ts') },
      { find: /^llm-affinity\/instrument$/, replacement: from('packages/llm-affinity/src/instrument.ts') },
      { find: /^llm-affinity\/langchain$/, replacement: from('packages/llm-affinity/src/langchain.ts') },
      { find: /^llm-affinity\/learned$/, replacement: from('packages/llm-affinity/src/learned.ts') },
      { find: /^llm-affinity\/otel$/, replacement: from('packages/llm-affinity/src/otel.ts') },
      { find: /^llm-affinity\/server$/, replacement: from('packages/llm-affinity/src/server.ts') },
      { find: /^llm-affinity\/usage$/, replacement: from('packages/llm-affinity/src/usage.ts') },
      { find: /^llm-affinity-testkit\/vitest$/, replacement: from('packages/testkit/src/vitest.ts') },
      { find: /^llm-affinity-testkit$/, replacement: from('packages/testkit/src/index.ts') },
      { find: /^llm-affinity-doctor$/, replacement: from('packages/doctor/src/index.ts') },
      { find: /^#async-context$/, replacement: from('packages/llm-affinity/src/session/async-context.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts', 'packages/*/test/**/*.test.ts', 'examples/**/*.test.ts'],
    typecheck: { enabled: true, tsconfig: './test/types/tsconfig.json', include: ['test/types/*.test-d.ts'] },
    reporters: ['default', './test/support/summary.ts'],
    testTimeout: 60_000,
    // Hooks start gateways, some of which take half a minute on a busy machine.
    hookTimeout: 120_000,
    // Suites open many sockets each; two cores are what a small machine has.
    maxWorkers: 2,
    sequence: { sequencer: SlowestFirst },
    allowOnly: false,
  },
})
