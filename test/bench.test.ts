import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

const NAMES = [
  'openai-in-scope',
  'openai-out-of-scope',
  'anthropic-in-scope',
  'fetch-string',
  'fetch-request',
  'fetch-object',
  'undici-in-scope',
  'body-2mb',
  'with-options',
  'usage-100k',
  'usage-answer',
  'otel-undici',
]

interface Line {
  readonly cases: readonly {
    readonly name: string
    readonly ratio: number
    readonly low: number
    readonly high: number
  }[]
  readonly bytesPerSession: number
  readonly heapGrowthBytes: number
  readonly importShare: number
  readonly gzipBytes: number
}

// How fast it is depends on the machine and on what else runs there. That every figure is there does not.
test('the benchmark measures everything that it promises, and ends with one line for programs', {
  timeout: 180_000,
}, async () => {
  expect(existsSync(at('../packages/llm-affinity/dist/undici.js')), 'the packages are built first: npm test does').toBe(
    true,
  )

  const { stdout } = await run(process.execPath, ['--expose-gc', at('bench/main.ts'), '--quick', '--json'])

  const line: Line = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
  expect(Object.keys(line)).toEqual(['cases', 'bytesPerSession', 'heapGrowthBytes', 'importShare', 'gzipBytes'])
  expect(line.cases.map(({ name }) => name)).toEqual(expect.arrayContaining(NAMES))
  for (const one of line.cases) {
    expect(Object.keys(one)).toEqual(['name', 'ratio', 'low', 'high'])
    for (const figure of [one.ratio, one.low, one.high]) expect(figure, one.name).toSatisfy(Number.isFinite)
    expect(one.low, one.name).toBeLessThanOrEqual(one.high)
  }
  for (const figure of [line.bytesPerSession, line.heapGrowthBytes, line.importShare, line.gzipBytes]) {
    expect(figure).toSatisfy(Number.isFinite)
  }
  expect(line.bytesPerSession).toBeGreaterThan(0)
  expect(line.gzipBytes).toBeGreaterThan(0)
})
