import { Command, InvalidArgumentError } from 'commander'

/** What was asked for on the command line. */
export interface Settings {
  readonly port: number
  /** The base URL of a gateway of your own, which is used in place of the one that would be started. */
  readonly gateway?: string
  readonly model: string
  /** The response header in which that gateway names the backend. */
  readonly backendHeader: string
}

/** Ends the process, with a sentence, where an argument is wrong or help was asked for. */
export function settings(args: readonly string[]): Settings {
  return new Command('chat-app')
    .description('A chat app that shows which replica serves which conversation, with affinity and without it.')
    .option('--port <n>', 'the port of the page, on 127.0.0.1; 0 for a free one', port, 8787)
    .option('--gateway <url>', 'your own gateway, up to /v1; OPENAI_API_KEY is sent to it', url)
    .option('--model <name>', 'the model to ask for', 'test-model')
    .option('--backend-header <name>', 'the response header in which your gateway names the backend', 'x-backend')
    .parse(args, { from: 'user' })
    .opts<Settings>()
}

function port(text: string): number {
  if (/^\d+$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new InvalidArgumentError('Expected a port: a whole number from 0 to 65535.')
}

function url(text: string): string {
  if (/^https?:/.test(text) && URL.canParse(text)) return text
  throw new InvalidArgumentError('Expected a URL, such as http://127.0.0.1:4000/v1.')
}
