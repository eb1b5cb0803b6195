import { existsSync, readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { type Gateway, type GatewayName, gateways } from 'llm-affinity/gateways'
import { groupDigits } from '../util/format.js'
import type { Api } from './api-adapters.js'

/** The options of the command, under commander's own names. */
export interface Options {
  readonly baseUrl: string
  readonly model: string
  readonly api: Api
  /** Absent: a placeholder is sent. */
  readonly apiKey?: string
  readonly gateway?: GatewayName
  /** Headers that the operator has named, instead of a gateway's. */
  readonly header?: readonly string[]
  /** The response header that names the backend. */
  readonly backendHeader?: string
  /** What answers hand out and is given back: names of headers, and of cookies as `cookie:NAME`. True: what the first answers hand out. */
  readonly learn?: true | readonly string[]
  /** Headers that every call carries, by name. */
  readonly requestHeader?: Readonly<Record<string, string>>
  /** Calls in flight at most. */
  readonly concurrency: number
  readonly budget: number
  /** Conversations of each arm. Absent: as many as the evidence needs. */
  readonly conversations?: number
  readonly turns: number
  /** Seconds to wait before the last turn; half of it before the turn before that, and so on from the third turn. */
  readonly pause?: number
  /** The port of the echo server. Present: the doctor only checks which headers arrive. */
  readonly echo?: number
  readonly echoHost: string
  readonly json: boolean
  readonly report?: string
}

/** A mistake in the command, in one sentence. */
export class UsageError extends Error {}

const API_KEYS: Readonly<Record<Api, string>> = { openai: 'OPENAI_API_KEY', anthropic: 'ANTHROPIC_API_KEY' }
const HEADER = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const ECHO_PORT = 9009
const REQUIRED = ['--base-url', '--model']

/** The options, or the text that was requested instead: the help or the version. Throws a UsageError. */
export function parseOptions(args: readonly string[], env: NodeJS.ProcessEnv): Options | string {
  let help = ''
  const command = new Command('llm-affinity-doctor')
    .description(
      'Plays conversations through a live LLM gateway, and reports whether each stays on one backend, and if not, why.',
    )
    .version(version(), '--version', 'print the version')
    .option('--base-url <url>', 'required: the base URL, such as http://gateway:4000/v1', httpUrl)
    .option('--model <name>', 'required: the model')
    .addOption(
      new Option('--api <name>', 'the API that the gateway serves').choices(['openai', 'anthropic']).default('openai'),
    )
    .option('--api-key <key>', 'default: OPENAI_API_KEY or ANTHROPIC_API_KEY. Sent to the base URL only, never printed')
    .addOption(
      new Option('--gateway <name>', 'the gateway; default: recognised by its answers').choices([...gateways.keys()]),
    )
    .addOption(
      new Option('--header <name...>', 'the header that your gateway is configured to read')
        .argParser(headers)
        .conflicts('gateway'),
    )
    .option(
      '--learn [name...]',
      'give back what answers hand out for a session: headers, and cookies as cookie:NAME; default: what the first answers hand out',
    )
    .option('--backend-header <name>', 'the response header that names the backend', headerName)
    .option(
      '--request-header <line...>',
      "a header that every call must carry, as 'name: value'; can be repeated",
      requestHeader,
    )
    .option('--budget <tokens>', 'spend at most this many tokens', number(1000, 10_000_000), 120_000)
    .option(
      '--conversations <n>',
      'at most this many conversations with the key, and as many without; default: 6, or 10 where only caches show where they go',
      number(2, 40),
    )
    .option('--turns <n>', 'at most this many turns in each conversation', number(3, 12), 5)
    .option(
      '--pause <seconds>',
      'wait as long before the last turn, and half as long before each turn before that: shows how long pins live',
      number(1, 3600),
    )
    .option('--concurrency <n>', 'calls in flight at most; fewer when the gateway answers 429', number(1, 16), 4)
    .option(
      '--echo [port]',
      `start an echo server to put behind the gateway, and show which headers arrive (default port: ${ECHO_PORT})`,
      number(0, 65_535),
    )
    .option('--echo-host <address>', 'the address that the echo server listens on', '127.0.0.1')
    .option('--json', 'print one JSON object on the last line', false)
    .option('--report <file>', 'write an HTML report')
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
  // Not commander's own check for required options: it runs before the check for unknown ones, and a misspelt option is both.
  const missing = command.options.find(
    (option) => REQUIRED.includes(option.long ?? '') && command.getOptionValue(option.attributeName()) === undefined,
  )
  if (missing !== undefined) throw new UsageError(`${missing.long} is missing`)
  const {
    echo,
    apiKey = env[API_KEYS[command.opts<Options>().api]],
    ...options
  } = command.opts<Omit<Options, 'echo'> & { echo?: number | true }>()
  return {
    ...options,
    ...(apiKey !== undefined && apiKey !== '' && { apiKey }),
    ...(echo !== undefined && { echo: echo === true ? ECHO_PORT : echo }),
  }
}

// The package's own manifest: one folder up from what is built, two from this source.
export function version(): string {
  const paths = ['../package.json', '../../package.json'].map((path) => new URL(path, import.meta.url))
  const manifest: { readonly version: string } = JSON.parse(readFileSync(paths.find(existsSync) ?? '', 'utf8'))
  return manifest.version
}

/** The gateway that the options name. Undefined: it is to be recognised. */
export function chosenGateway({ header, gateway }: Options): Gateway | undefined {
  if (header !== undefined) return { name: 'yours', headers: header }
  return gateway === undefined ? undefined : gateways.get(gateway)
}

function httpUrl(text: string): string {
  const url = URL.parse(text)
  if (url !== null && /^https?:$/.test(url.protocol)) return text.replace(/\/+$/, '')
  throw new InvalidArgumentError('Expected a URL such as http://gateway:4000/v1.')
}

function headers(name: string, before: unknown): readonly string[] {
  return [...(Array.isArray(before) ? before : []), headerName(name)]
}

function headerName(name: string): string {
  if (!HEADER.test(name)) throw new InvalidArgumentError('Expected the name of a header, such as x-session-id.')
  return name.toLowerCase()
}

function requestHeader(line: string, before: unknown): Readonly<Record<string, string>> {
  const [, name = '', value = ''] = /^([^:]+):\s*(\S[ -~]*)$/.exec(line) ?? []
  if (!HEADER.test(name)) throw new InvalidArgumentError("Expected 'name: value', such as 'routing-strategy: prefix'.")
  return { ...(typeof before === 'object' ? before : {}), [name.toLowerCase()]: value.trim() }
}

function number(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= least && value <= most) return value
    throw new InvalidArgumentError(`Expected a whole number from ${groupDigits(least)} to ${groupDigits(most)}.`)
  }
}
