import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify, stripVTControlCharacters } from 'node:util'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'

const main = fileURLToPath(new URL('../examples/demo/main.ts', import.meta.url))
const run = promisify(execFile)
const demo = (...args: string[]) => run(process.execPath, [main, ...args])

interface Arm {
  name: string
  calls: number
  cachedShare: number
  possibleShare: number
  promptTokens: number
  processedTokens: number
  ttftMs: { median: number; mean: number; p90: number }
  replicasPerConversation: { mean: number; max: number }
  errors: number
  hitShare?: number
  mainHitShare?: number
  loadMaxOverMean?: number
}

async function arms(...args: string[]): Promise<[bare: Arm, pinned: Arm]> {
  const { stdout } = await demo('--json', ...args)
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '').arms
}

describe('the demo', () => {
  test('keeps a conversation on one replica and reaches all that can be cached', async () => {
    const [bare, pinned] = await arms('--conversations', '4', '--turns', '4', '--speed', '10')
    expect([bare.name, pinned.name]).toEqual(['round-robin', 'affinity'])
    for (const arm of [bare, pinned]) expect(arm).toMatchObject({ calls: 20, errors: 0 })
    expect(pinned.promptTokens).toBe(bare.promptTokens)
    expect(pinned.possibleShare).toBe(bare.possibleShare)
    expect(pinned.replicasPerConversation).toEqual({ mean: 1, max: 1 })
    expect(pinned.cachedShare).toBeGreaterThan(pinned.possibleShare - 0.005)
    expect(bare.cachedShare).toBeLessThan(pinned.cachedShare)
    expect(bare.processedTokens).toBeGreaterThan(pinned.processedTokens)
  })

  test('draws a picture without colours or cursor tricks where there is no terminal', async () => {
    const { stdout, stderr } = await demo('--conversations', '2', '--turns', '2', '--replicas', '2', '--speed', '10')
    expect(stripVTControlCharacters(stdout + stderr)).toBe(stdout + stderr)
    expect(stderr).toContain('affinity: 6 of 6 calls')
    expect(stdout).toMatch(/conversation-02 +[AB]. ?\d+ [AB]. ?\d+ /)
    expect(stdout).toMatch(/prompt tokens instead of/)
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
  })

  test('replays a trace, gzipped or not, with side calls in lanes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'trace-'))
    const file = join(folder, 'trace.jsonl')
    const lines = Array.from({ length: 6 }, (_, index) => JSON.stringify(session(`session_${index}`))).join('\n')
    await writeFile(file, lines)
    await writeFile(`${file}.gz`, gzipSync(lines))
    const small = ['--replicas', '3', '--cache-tokens', '100000', '--seed', '4']
    const [bare, pinned] = await arms('--trace', file, ...small)
    const [, again] = await arms('--trace', `${file}.gz`, ...small)
    const [, fewer] = await arms('--trace', file, '--sessions', '2', ...small)
    await rm(folder, { recursive: true })

    expect(pinned).toMatchObject({ calls: 72, errors: 0, replicasPerConversation: { mean: 1, max: 1 } })
    expect(pinned.cachedShare).toBe(pinned.possibleShare)
    expect(pinned.mainHitShare).toBeGreaterThan(bare.mainHitShare ?? 1)
    expect(pinned.hitShare).toBeCloseTo(1 - pinned.processedTokens / pinned.promptTokens, 4)
    expect(pinned.loadMaxOverMean).toBeGreaterThanOrEqual(1)
    expect(again).toMatchObject({ hitShare: pinned.hitShare, processedTokens: pinned.processedTokens })
    expect(fewer.calls).toBe(24)
  })

  test.each([
    [['--unknown'], "unknown option '--unknown'"],
    [['--seed', 'x'], 'Expected a whole number of at least 0'],
    [['--turns', '17'], 'Expected a whole number from 1 to 16'],
    [['--sessions', '2'], '--sessions needs --trace'],
    [['--trace', '/no/such/file'], 'cannot be read (ENOENT)'],
    [['--trace', main], 'Line 1 of'],
    [['--trace', main, '--turns', '2'], '--turns cannot be used with --trace'],
  ])('says in one line what is wrong with %j', async (args, message) => {
    const failed = await demo(...args).catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 2, stdout: '' })
    const { stderr } = failed as { stderr: string }
    expect(stderr).toContain(message)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })
})

/** Ten turns that grow, a title by a small model and a sub-agent. */
function session(name: string) {
  const turns = Array.from({ length: 10 }, (_, turn) => ({
    t: turn * 60,
    model: 'large',
    blocks: [[1, 20 + turn * 4]],
  }))
  const title = { t: 30, model: 'small', blocks: [[900, 904]] }
  const agent = {
    t: 40,
    model: 'large',
    blocks: [
      [1, 10],
      [500, 520],
    ],
    agent: 'agent_1',
  }
  return { session: name, blockTokens: 64, requests: [...turns, title, agent].sort((a, b) => a.t - b.t) }
}
