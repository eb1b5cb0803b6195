/** One request to a model, as all dialects see it. */
export interface Ask {
  readonly dialect: Dialect
  readonly body: Body
  readonly model: string
  readonly stream: boolean
  /** All that the model reads, in the order in which it reads it: tools, then system prompt, then messages. */
  readonly prompt: string
}

/** What the model says, before it is put into a dialect. */
export interface Completion {
  /** The text; each piece becomes an event of its own in a streamed answer. */
  readonly pieces: readonly string[]
  /** Present: the model calls this tool after its text. */
  readonly call?: { readonly name: string; readonly arguments: string }
  readonly usage: Usage
  /** Milliseconds before each piece of a streamed answer; a plain one waits for all of them. Default: 0. */
  readonly pace?: number
  /** Headers added to the answer. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Tokens of one request. `input` counts the cached ones, whatever a dialect makes of it. */
export interface Usage {
  readonly input: number
  readonly cached: number
  readonly output: number
}

/** A completion with what every dialect writes around it. */
export interface Reply extends Completion {
  readonly ask: Ask
  /** Unique in the process; a dialect puts its own prefix before it. */
  readonly id: string
  /** Seconds since 1970. */
  readonly created: number
}

/** One server-sent event. `piece`: it carries text of the model, and is paced. */
export interface Event {
  readonly event?: string
  readonly data: string
  readonly piece?: true
}

/** How one API writes the same things. */
export interface Dialect {
  /** The fields of a request that the model reads, in the order in which it reads them. */
  readonly reads: readonly string[]
  /** The body of a plain answer. */
  plain(reply: Reply): object
  /** The events of a streamed answer. Absent: the API has none, and answers plainly. */
  events?(reply: Reply): Iterable<Event>
}

/** The JSON object in a request. */
export type Body = Readonly<Record<string, unknown>>

/** The name of the tool that a request demands, by name or as the only way to go on. */
export function demandedTool(body: Body): string | undefined {
  const choice = body.tool_choice
  if (choice === 'required') return toolName(first(body.tools))
  if (!isObject(choice)) return undefined
  return choice.type === 'any' ? toolName(first(body.tools)) : toolName(choice)
}

function toolName(tool: unknown): string | undefined {
  if (!isObject(tool)) return undefined
  const name = isObject(tool.function) ? tool.function.name : tool.name
  return typeof name === 'string' ? name : undefined
}

const first = (list: unknown): unknown => (Array.isArray(list) ? list[0] : undefined)

export function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What an error looks like to OpenAI's clients and to Anthropic's at once. */
export function errorBody(status: number, message: string): string {
  return JSON.stringify({
    type: 'error',
    error: { type: errorTypes[status] ?? 'api_error', message, code: null, param: null },
  })
}

const errorTypes: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
  529: 'overloaded_error',
}
