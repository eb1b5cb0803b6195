/** One request to a model, independent of the format of its API. */
export interface ModelRequest {
  readonly format: ApiFormat
  readonly body: Body
  readonly model: string
  readonly stream: boolean
  /** Everything that the model reads, in this order: tools, system prompt, messages. */
  readonly prompt: string
}

/** The answer of the model, before it is written in the format of an API. */
export interface Completion {
  /** The text, in pieces; a streamed answer has one event for each. */
  readonly pieces: readonly string[]
  /** If present, the model calls this tool after its text. */
  readonly call?: { readonly name: string; readonly arguments: string }
  readonly usage: Usage
  /** Milliseconds before each piece of a streamed answer; a plain answer waits for their sum. @default 0 */
  readonly pace?: number
  /** Headers added to the answer. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Tokens of one request. `input` includes the cached ones, also where the format of the API excludes them. */
interface Usage {
  readonly input: number
  readonly cached: number
  readonly output: number
}

/** A completion, with the fields that every format adds. */
export interface Reply extends Completion {
  readonly request: ModelRequest
  /** Unique in this process; each format adds its own prefix. */
  readonly id: string
  /** Seconds since 1970. */
  readonly created: number
}

/** One server-sent event. `piece` marks an event with text of the model, before which `pace` is waited. */
export interface Event {
  readonly event?: string
  readonly data: string
  readonly piece?: true
}

/** The format of one API. */
export interface ApiFormat {
  /** The fields of a request that the model reads, in the order in which it reads them. */
  readonly reads: readonly string[]
  /** The body of a plain answer. */
  plain(reply: Reply): object
  /** The events of a streamed answer. Absent if the API does not stream. */
  events?(reply: Reply): Iterable<Event>
}

/** The JSON object in a request. */
export type Body = Readonly<Record<string, unknown>>

/** The tool that `tool_choice` forces the model to call; the first one where it forces any. */
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

/** An error body that OpenAI's clients and Anthropic's both understand. */
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
