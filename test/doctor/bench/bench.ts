import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { run } from 'llm-affinity-doctor'
import type { BenchSetup } from './setups.ts'

/** The result of one run of the doctor. */
export interface BenchRun {
  readonly setup: BenchSetup
  readonly seed: number
  readonly verdict: string
  readonly exitCode: number
  readonly isRight: boolean
  /** Whether the verdict names a header by which the gateway is said to pin. */
  readonly namesHeader: boolean
  readonly tokens: number
  readonly seconds: number
  readonly why: readonly string[]
}

interface Report {
  readonly verdict: string | null
  readonly error?: string
  readonly why?: readonly string[]
  readonly spent?: { readonly tokens: number; readonly seconds: number }
}

/** Starts the set-up, and runs the doctor against it as the command does. */
export async function runSetup(setup: BenchSetup, seed: number): Promise<BenchRun> {
  await using stack = new AsyncDisposableStack()
  const baseUrl = await setup.start(stack, seed)
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const [out] = [text(stdout), text(stderr)]
  const args = ['--base-url', baseUrl, '--model', 'test-model', '--json', ...setup.args]
  const exitCode = await run(args, {}, { stdout, stderr })
  stdout.end()
  stderr.end()
  const report: Report = JSON.parse((await out).trim().split('\n').at(-1) ?? '')
  const verdict = report.verdict ?? `error: ${report.error}`
  return {
    setup,
    seed,
    verdict,
    exitCode,
    isRight: setup.right.includes(verdict),
    namesHeader: verdict === 'wrong-name',
    tokens: report.spent?.tokens ?? 0,
    seconds: report.spent?.seconds ?? 0,
    why: report.why ?? [],
  }
}

/** The figures of all runs. */
export interface BenchSummary {
  readonly setups: number
  readonly runs: number
  readonly right: number
  /** Runs with exit code 0 on set-ups where nothing keeps a conversation on one of several backends. */
  readonly exitZeroWithoutPin: number
  /** Runs that name a header on set-ups where no header pins. */
  readonly namesWithoutPin: number
  /** Set-ups with more than one verdict, `unknown` aside. */
  readonly unstable: number
}

export function summaryOf(runs: readonly BenchRun[]): BenchSummary {
  const bySetup = Map.groupBy(runs, ({ setup }) => setup)
  const withoutPin = runs.filter(({ setup: { truth } }) => truth === 'nothing' || truth === 'one backend')
  return {
    setups: bySetup.size,
    runs: runs.length,
    right: runs.filter(({ isRight }) => isRight).length,
    exitZeroWithoutPin: withoutPin.filter(({ exitCode }) => exitCode === 0).length,
    namesWithoutPin: withoutPin.filter(({ namesHeader }) => namesHeader).length,
    unstable: [...bySetup.values()].filter(
      (all) => new Set(all.map(({ verdict }) => verdict).filter((verdict) => verdict !== 'unknown')).size > 1,
    ).length,
  }
}
