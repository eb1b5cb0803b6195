import { access, constants, mkdir, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Options, parseOptions, UsageError, version } from './client/options.js'
import { judgeEcho } from './echo/judge-echo.js'
import { runEchoCheck } from './echo/run-echo-check.js'
import { examine } from './experiment/examine.js'

import { PreflightError } from './experiment/preflight.js'
import { asJson, echoAsJson, failureAsJson } from './output/json.js'
import { asText, echoAsText } from './output/terminal.js'
import { groupDigits } from './util/format.js'
import { withProgress } from './util/progress.js'
import { EXIT_CODES } from './verdict/verdict.js'

export interface Streams {
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
}

/** The run failed before there was anything to judge. */
const FAILED = 3

/** Runs the command and returns its exit code. Never rejects for a mistake of the user or a fault of the gateway. */
export async function run(args: readonly string[], env: NodeJS.ProcessEnv, streams: Streams): Promise<number> {
  let settings: Options | string
  try {
    settings = parseOptions(args, env)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const next = ['Run the doctor with --help to see the options.']
    return failed({ message: `${error.message.replace(/\.?$/, '.')}`, next }, args.includes('--json'), streams, '')
  }
  if (typeof settings === 'string') {
    streams.stdout.write(settings)
    return 0
  }
  try {
    return await (settings.echo === undefined ? runExamination(settings, args, streams) : runEcho(settings, streams))
  } catch (error) {
    if (!(error instanceof PreflightError)) throw error
    return failed(error, settings.json, streams, settings.apiKey ?? '')
  }
}

async function runExamination(
  settings: Options,
  args: readonly string[],
  { stdout, stderr }: Streams,
): Promise<number> {
  if (settings.report !== undefined) await checkWritable(settings.report)
  const startedAt = new Date()
  stderr.write(
    `At most ${groupDigits(settings.budget)} tokens and 60 s: conversations with the key and as many without, and short calls to find the cause.\n`,
  )
  const examination = await withProgress(stderr, (progress) => examine(settings, progress))
  if (settings.report !== undefined) {
    // Loaded on demand: most runs write no report, and its libraries are large.
    const { asPage } = await import('./output/report/page.js')
    const page = await asPage(examination, { startedAt, version: version(), command: commandOf(args) })
    await save(settings.report, redacted(page, settings.apiKey))
  }
  stdout.write(`${redacted(settings.json ? asJson(examination) : asText(examination, stdout), settings.apiKey)}\n`)
  if (settings.report !== undefined) stderr.write(`Report: ${settings.report}\n`)
  return EXIT_CODES[examination.judgement.verdict]
}

async function runEcho(settings: Options, { stdout, stderr }: Streams): Promise<number> {
  stderr.write(
    `Short calls to ${new URL(settings.baseUrl).host} until one reaches the echo server, for at most 50 s.\n`,
  )
  const result = await withProgress(stderr, (progress) => runEchoCheck(settings, progress))
  const judgement = judgeEcho(result)
  stdout.write(
    `${redacted(settings.json ? echoAsJson(judgement, result) : echoAsText(judgement, result, stdout), settings.apiKey)}\n`,
  )
  return judgement.exitCode
}

/** Before anything is spent. The folder is created, and no file yet. */
async function checkWritable(file: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true })
    const found = await stat(file).catch(() => undefined)
    if (found?.isDirectory()) throw new Error(`${file} is a folder`)
    await access(found === undefined ? dirname(file) : file, constants.W_OK)
  } catch (error) {
    throw notWritten(error)
  }
}

async function save(file: string, page: string): Promise<void> {
  try {
    await writeFile(file, page)
  } catch (error) {
    throw notWritten(error)
  }
}

function notWritten(error: unknown): PreflightError {
  const reason = error instanceof Error ? error.message : String(error)
  return new PreflightError(`The report cannot be written: ${reason}.`, ['Give --report a file that can be written.'])
}

function failed(
  fault: Pick<PreflightError, 'message' | 'next'>,
  json: boolean,
  { stdout, stderr }: Streams,
  apiKey: string,
): number {
  stderr.write(`${redacted([fault.message, ...fault.next].join(' '), apiKey)}\n`)
  if (json) stdout.write(`${redacted(failureAsJson(fault), apiKey)}\n`)
  return FAILED
}

// As it was typed, without credentials.
function commandOf(args: readonly string[]): string {
  const words = args.map((word, index) => {
    if (args[index - 1] === '--api-key') return '…'
    if (args[index - 1] === '--request-header') return `'${word.replace(/:.*/s, ': …')}'`
    const plain = word.replace(/^(--api-key=).*/s, '$1…').replace(/\/\/[^/@]*@/, '//')
    return /^[\w./:@=,-]+$/.test(plain) ? plain : `'${plain}'`
  })
  return ['npx llm-affinity-doctor', ...words].join(' ')
}

// Gateways quote the API key that they reject.
function redacted(text: string, apiKey = ''): string {
  return apiKey.length < 4 ? text : text.replaceAll(apiKey, '[the API key]')
}
