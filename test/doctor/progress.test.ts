import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { startReplica } from 'llm-affinity-testkit'
import { describe, expect, it } from 'vitest'
import { against, doctor } from './support/doctor.ts'

const cli = fileURLToPath(new URL('../../packages/doctor/dist/cli.js', import.meta.url))
// All that a run says is a few thousand characters.
const MOST = 20_000
const small = ['--conversations', '2', '--turns', '3', '--budget', '5000']
// That of util-linux: others take their command in another way.
const hasScript = /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '')
if (!hasScript) console.log('`script` of util-linux is not installed: the test of a terminal of 0 columns is skipped.')

describe('progress', () => {
  it('where stderr is no terminal: a line for each quarter', async () => {
    await using replica = await startReplica({ name: 'a', cacheTokens: 1_000_000 })
    const { stderr } = await doctor(against(replica.baseURL, ...small))
    expect(stderr.match(/^ {2}(\d+ of 12 calls), [\d,]+ tokens$/gm)?.map((line) => line.trim().split(',')[0])).toEqual([
      '3 of 12 calls',
      '6 of 12 calls',
      '9 of 12 calls',
      '12 of 12 calls',
    ])
  })

  it.skipIf(!hasScript)('in a terminal of 0 columns: it ends, and does not flood it', { timeout: 60_000 }, async () => {
    await using replica = await startReplica({ name: 'a', cacheTokens: 1_000_000 })
    const command = [process.execPath, cli, '--base-url', replica.baseURL, '--model', 'test-model', ...small]
    // Without a terminal of its own to copy, `script` makes one of no size. --return: the code is the command's.
    const line = `echo "pid $$"; exec ${command.map((word) => `'${word}'`).join(' ')}`
    const child = spawn('script', ['-q', '--return', '-c', line, '/dev/null'], {
      env: { ...process.env, NODE_OPTIONS: undefined, CI: undefined, TERM: 'xterm' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let shown = ''
    // What loops hears no gentler signal, and does not go with its terminal.
    const kill = (): void => {
      const pid = Number(/pid (\d+)/.exec(shown)?.[1] ?? Number.NaN)
      if (pid > 1) process.kill(pid, 'SIGKILL')
    }
    const late = setTimeout(kill, 40_000)
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      if (shown.length < MOST && shown.length + part.length >= MOST) setImmediate(kill)
      if (shown.length < MOST) shown += part
    })
    const code = await new Promise((resolve) => child.once('close', resolve))
    clearTimeout(late)
    expect(code).toBe(2)
    expect(shown).toContain('12 of 12 calls')
    expect(shown.length).toBeLessThan(MOST)
  })
})
