import { Command, CommanderError, InvalidArgumentError } from 'commander'

/** What was asked for on the command line. */
export interface Settings {
  readonly json: boolean
  readonly replicas: number
  readonly cacheTokens: number
  readonly seed: number
  readonly conversations: number
  readonly turns: number
  /** All that takes time in the conversations takes only one part in so many of it. */
  readonly speed: number
  /** Present: replay this file instead of the conversations. */
  readonly trace?: string
  /** Only so many sessions of the trace, from its head. */
  readonly sessions?: number
}

/** A mistake of the user's: one sentence for them, and exit code 2. */
export class UsageError extends Error {}

const blockTokens = 64

/** The settings, or undefined when help was asked for and given. Throws a UsageError. */
export function settings(args: readonly string[]): Settings | undefined {
  const command = new Command('demo')
    .description('Plays agent conversations against LLM replicas, round robin and with affinity, and compares.')
    .option('--json', 'print one line of JSON with the figures, and nothing else', false)
    .option('--conversations <n>', 'conversations at once', number(1, 99), 12)
    .option('--turns <n>', 'turns of each', number(1, 16), 8)
    .option('--speed <n>', 'play so many times faster; times to first token shrink with it', number(1, 1_000), 1)
    .option('--replicas <n>', 'LLM replicas behind the balancer (default: 4, with --trace 8)', number(1, 26))
    .option('--cache-tokens <n>', 'prefix cache of each replica, in tokens', number(blockTokens), 1_000_000)
    .option('--seed <n>', 'for everything random', number(0), 1)
    .option(
      '--trace <file>',
      'replay real sessions instead: JSON lines, gzipped or not, each {"session", "blockTokens", "requests": [{"t", "model", "in", "out", "blocks": [[first, last]], "agent"?}]}',
    )
    .option('--sessions <n>', 'with --trace: only its first sessions', number(1))
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({ outputError: () => {} })
  try {
    command.parse(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return undefined
    throw new UsageError(error.message.replace(/^error: /, ''))
  }
  const options = command.opts<Omit<Settings, 'replicas'> & { replicas?: number }>()
  if (options.sessions !== undefined && options.trace === undefined) throw new UsageError('--sessions needs --trace')
  for (const name of options.trace === undefined ? [] : ['conversations', 'turns', 'speed']) {
    if (command.getOptionValueSource(name) === 'cli') throw new UsageError(`--${name} cannot be used with --trace`)
  }
  return { ...options, replicas: options.replicas ?? (options.trace === undefined ? 4 : 8) }
}

function number(least: number, most: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= least && value <= most) return value
    const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
    throw new InvalidArgumentError(`Expected a whole number ${range}.`)
  }
}
