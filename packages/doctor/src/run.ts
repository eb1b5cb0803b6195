import { writeFile } from 'node:fs/promises'
import { judgeEcho } from './echoed.js'
import { examine } from './examine.js'
import { grouped } from './grouped.js'
import { asJson, echoAsJson, failureAsJson } from './json.js'
import { overhear } from './overhear.js'
import { callsOf } from './plan.js'
import { withProgress } from './progress.js'
import { Unreached } from './reach.js'
import { type Settings, settingsOf, UsageError } from './settings.js'
import { asText, echoAsText } from './terminal.js'
import { EXIT_CODES } from './verdict.js'

export interface Streams {
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
}

/** Failed before there was anything to judge. */
const FAILED = 3

/** The command. Gives its exit code, and never rejects for what the user or the gateway did. */
export async function run(args: readonly string[], env: NodeJS.ProcessEnv, streams: Streams): Promise<number> {
  let settings: Settings | string
  try {
    settings = settingsOf(args, env)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const next = ['Run it with --help to see the options.']
    return failed({ message: `${error.message.replace(/\.?$/, '.')}`, next }, args.includes('--json'), streams, '')
  }
  if (typeof settings === 'string') {
    streams.stdout.write(settings)
    return 0
  }
  try {
    return await (settings.echo === undefined ? examined : listened)(settings, streams)
  } catch (error) {
    if (!(error instanceof Unreached)) throw error
    return failed(error, settings.json, streams, settings.apiKey ?? '')
  }
}

async function examined(settings: Settings, { stdout, stderr }: Streams): Promise<number> {
  const most = callsOf(settings)
  stderr.write(
    `At most ${grouped(settings.budget)} tokens and 60 s: ${most} calls for ${settings.conversations} conversations with the key and as many without, and some short ones to find out why.\n`,
  )
  const examination = await withProgress(stderr, (progress) => examine(settings, progress))
  if (settings.report !== undefined) {
    // Most runs want none, and what draws it is large.
    const { asPage } = await import('./report/page.js')
    await save(settings.report, redacted(await asPage(examination), settings.apiKey))
  }
  stdout.write(`${redacted(settings.json ? asJson(examination) : asText(examination, stdout), settings.apiKey)}\n`)
  if (settings.report !== undefined) stderr.write(`Report: ${settings.report}\n`)
  return EXIT_CODES[examination.judgement.verdict]
}

async function listened(settings: Settings, { stdout, stderr }: Streams): Promise<number> {
  stderr.write(
    `Short calls to ${new URL(settings.baseUrl).host} until one reaches the echo server, for 50 s at most.\n`,
  )
  const overheard = await withProgress(stderr, (progress) => overhear(settings, progress))
  const echoed = judgeEcho(overheard)
  stdout.write(
    `${redacted(settings.json ? echoAsJson(echoed, overheard) : echoAsText(echoed, overheard, stdout), settings.apiKey)}\n`,
  )
  return echoed.exitCode
}

async function save(file: string, page: string): Promise<void> {
  try {
    await writeFile(file, page)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Unreached(`The report cannot be written: ${reason}.`, ['Give --report a file in a folder that exists.'])
  }
}

function failed(
  fault: Pick<Unreached, 'message' | 'next'>,
  json: boolean,
  { stdout, stderr }: Streams,
  apiKey: string,
): number {
  stderr.write(`${redacted([fault.message, ...fault.next].join(' '), apiKey)}\n`)
  if (json) stdout.write(`${redacted(failureAsJson(fault), apiKey)}\n`)
  return FAILED
}

// Gateways like to quote the key that they refuse.
function redacted(text: string, apiKey = ''): string {
  return apiKey.length < 4 ? text : text.replaceAll(apiKey, '[the API key]')
}
