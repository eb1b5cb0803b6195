import { readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { type Gateway, type GatewayName, gateways } from 'llm-affinity/gateways'
import { grouped } from './grouped.js'
import type { Api } from './speakers.js'

/** What was asked for on the command line. */
export interface Settings {
  readonly baseUrl: string
  readonly model: string
  readonly api: Api
  /** Absent: the gateway is told none that counts. */
  readonly apiKey?: string
  readonly gateway?: GatewayName
  /** Headers that an operator has named, instead of a gateway's. */
  readonly header?: readonly string[]
  readonly budget: number
  readonly conversations: number
  readonly turns: number
  /** The port of the echo server; present: no conversations, only what arrives. */
  readonly echo?: number
  readonly echoHost: string
  readonly json: boolean
  readonly report?: string
}

/** A mistake of the user's: one sentence for them. */
export class UsageError extends Error {}

const API_KEYS: Readonly<Record<Api, string>> = { openai: 'OPENAI_API_KEY', anthropic: 'ANTHROPIC_API_KEY' }
const HEADER = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const ECHO_PORT = 9009

/** The settings, or the text that was asked for instead: the help, the version. Throws a UsageError. */
export function settingsOf(args: readonly string[], env: NodeJS.ProcessEnv): Settings | string {
  let help = ''
  const command = new Command('llm-affinity-doctor')
    .description(
      'Has conversations through a live LLM gateway, and says whether each stays on one backend, and why not.',
    )
    .version(version(), '--version', 'print the version')
    .option('--base-url <url>', 'required: where the calls go, such as http://gateway:4000/v1', httpUrl)
    .option('--model <name>', 'required: the model to ask for')
    .addOption(new Option('--api <name>', 'what the gateway speaks').choices(['openai', 'anthropic']).default('openai'))
    .option('--api-key <key>', 'default: OPENAI_API_KEY or ANTHROPIC_API_KEY. Sent to the base URL, printed nowhere')
    .addOption(
      new Option('--gateway <name>', 'which gateway it is; default: recognised by its answers').choices([
        ...gateways.keys(),
      ]),
    )
    .addOption(
      new Option('--header <name...>', 'the header that your gateway reads, where you have named it yourself')
        .argParser(headers)
        .conflicts('gateway'),
    )
    .option('--budget <tokens>', 'spend no more tokens than this', number(1000, 10_000_000), 120_000)
    .option('--conversations <n>', 'conversations of each arm', number(2, 20), 6)
    .option('--turns <n>', 'turns of each conversation', number(3, 12), 5)
    .option(
      '--echo [port]',
      `show which headers arrive: an echo server to put behind the gateway (default: ${ECHO_PORT})`,
      number(0, 65_535),
    )
    .option('--echo-host <address>', 'where the echo server listens', '127.0.0.1')
    .option('--json', 'print one object, on the last line', false)
    .option('--report <file>', 'write a page that shows it all')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        help += text
      },
      writeErr: () => {},
    })
  try {
    command.parse(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return help
    throw new UsageError(error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' '))
  }
  // Not commander's own check: it comes before that of unknown options, and a mistyped one is both.
  const missing = ['--base-url', '--model'].find((name) => command.getOptionValue(camelCased(name)) === undefined)
  if (missing !== undefined) throw new UsageError(`${missing} is missing`)
  const {
    echo,
    apiKey = env[API_KEYS[command.opts<Settings>().api]],
    ...options
  } = command.opts<Omit<Settings, 'echo'> & { echo?: number | true }>()
  return {
    ...options,
    ...(apiKey !== undefined && apiKey !== '' && { apiKey }),
    ...(echo !== undefined && { echo: echo === true ? ECHO_PORT : echo }),
  }
}

function camelCased(option: string): string {
  return option.replace('--', '').replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}

// As near to the sources as to what is built of them.
function version(): string {
  const manifest: { readonly version: string } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  )
  return manifest.version
}

/** The row that was asked for; undefined: whatever it turns out to be. */
export function rowFor({ header, gateway }: Settings): Gateway | undefined {
  if (header !== undefined) return { name: 'yours', headers: header }
  return gateway === undefined ? undefined : gateways.get(gateway)
}

function httpUrl(text: string): string {
  const url = URL.parse(text)
  if (url !== null && /^https?:$/.test(url.protocol)) return text.replace(/\/+$/, '')
  throw new InvalidArgumentError('Expected a URL such as http://gateway:4000/v1.')
}

function headers(name: string, before: unknown): readonly string[] {
  if (!HEADER.test(name)) throw new InvalidArgumentError('Expected the name of a header, such as x-session-id.')
  return [...(Array.isArray(before) ? before : []), name.toLowerCase()]
}

function number(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= least && value <= most) return value
    throw new InvalidArgumentError(`Expected a whole number from ${grouped(least)} to ${grouped(most)}.`)
  }
}
