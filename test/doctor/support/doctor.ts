import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { run } from 'llm-affinity-doctor'

/** What came of a run of the command. */
export interface Told {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly seconds: number
  /** The object on the last line, where there is one. */
  json(): Report
}

/** What of the object tests look at. */
interface Report {
  readonly verdict: string | null
  readonly exitCode: number
  readonly why: readonly string[]
  readonly next: readonly string[]
  readonly error?: string
  readonly gateway: { readonly name: string; readonly known: string; readonly recognised?: string }
  readonly backendsBy?: string
  readonly sent: readonly string[]
  readonly arms: Readonly<Record<'affinity' | 'control', Readonly<Record<string, unknown>>>>
  readonly spent: { readonly calls: number; readonly tokens: number; readonly seconds: number }
}

/** Runs the command in this process, with an environment of its own. */
export async function doctor(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Told> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const said = Promise.all([text(stdout), text(stderr)])
  const begun = performance.now()
  const code = await run(args, env, { stdout, stderr })
  const seconds = (performance.now() - begun) / 1000
  stdout.end()
  stderr.end()
  const [out, err] = await said
  return {
    code,
    stdout: out,
    stderr: err,
    seconds,
    json: () => JSON.parse(out.trim().split('\n').at(-1) ?? ''),
  }
}

/** The arguments with which a gateway is examined. */
export function against(baseUrl: string, ...more: readonly string[]): readonly string[] {
  return ['--base-url', baseUrl, '--model', 'test-model', '--json', ...more]
}
