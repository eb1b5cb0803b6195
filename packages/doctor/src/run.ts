import ora from 'ora'
import { callsOf, examine } from './examine.js'
import { asJson, failureAsJson } from './json.js'
import { Unreached } from './reach.js'
import { type Settings, settingsOf, UsageError } from './settings.js'
import { asText } from './terminal.js'
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
    return await examined(settings, streams)
  } catch (error) {
    if (!(error instanceof Unreached)) throw error
    return failed(error, settings.json, streams, settings.apiKey ?? '')
  }
}

async function examined(settings: Settings, { stdout, stderr }: Streams): Promise<number> {
  const most = callsOf(settings)
  stderr.write(
    `At most ${settings.budget} tokens and 60 s: ${most} calls for ${settings.conversations} conversations with the key and as many without, and up to 100 short ones if there is something to find out.\n`,
  )
  const spinner = ora({ stream: stderr, discardStdin: false }).start('Reaching the gateway')
  try {
    const say = (text: string): void => {
      spinner.text = text
    }
    const examination = await examine(settings, { say })
    spinner.stop()
    const hide = (text: string): string => redacted(text, settings.apiKey)
    stdout.write(`${hide(settings.json ? asJson(examination) : asText(examination, stdout))}\n`)
    return EXIT_CODES[examination.judgement.verdict]
  } finally {
    spinner.stop()
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
