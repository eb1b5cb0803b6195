import { errorBody } from '../protocol/api-format.js'
import { milliseconds, whole, wrong } from '../util/check.js'

/** How the recorder treats one request. */
export type Step =
  /** Send this answer. */
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** Wait for this many milliseconds, then answer normally. */
  | { readonly stall: number }
  /** Destroy the socket with an RST before any byte of the answer. */
  | { readonly reset: true }
  /** Close the socket after this many events of a streamed answer; after the headers of a plain one. */
  | { readonly cut: number }
  /** Answer with this text; `''` for an empty answer. */
  | { readonly say: string }
  /** Answer with a call of this tool. */
  | { readonly call: string; readonly arguments?: Readonly<Record<string, unknown>> }

/** `times` answers with this error status and a body that OpenAI's and Anthropic's clients understand. @default times 1 */
export function fail(status: number, times: number = 1): readonly Step[] {
  if (!Number.isSafeInteger(status) || status < 400 || status > 599) wrong('`status` to be from 400 to 599', status)
  const step = answer(status, { 'content-type': 'application/json' }, errorBody(status, `Scripted ${status}`))
  return Array.from({ length: whole('times', times, 1) }, () => step)
}

/** One 429 with this `retry-after`. */
export function rateLimited(seconds: number): Step {
  if (!(Number.isFinite(seconds) && seconds >= 0)) wrong('`seconds` to be a number, 0 or more', seconds)
  const headers = { 'content-type': 'application/json', 'retry-after': String(seconds) }
  return answer(429, headers, errorBody(429, `Retry in ${seconds} s`))
}

/** One redirect to an absolute or relative URL. @default status 307 */
export function redirectTo(url: string | URL, status: number = 307): Step {
  const isRedirect = [301, 302, 303, 307, 308].includes(status)
  if (!isRedirect) wrong('`status` to be 301, 302, 303, 307 or 308', status)
  return answer(status, { location: String(url) }, '')
}

/** One socket destroyed with an RST before any byte of the answer. */
export function reset(): Step {
  return { reset: true }
}

/** One normal answer, delayed by `ms`. */
export function stall(ms: number): Step {
  return { stall: milliseconds('ms', ms) }
}

/** One streamed answer that ends after `events` events, with a closed socket. */
export function cut(events: number): Step {
  return { cut: whole('events', events) }
}

/** One answer with this text. */
export function say(text: string): Step {
  if (typeof text !== 'string') wrong('`text` to be a string', text)
  return { say: text }
}

/** One answer that calls this tool. @default args {} */
export function callTool(name: string, args: Readonly<Record<string, unknown>> = {}): Step {
  if (typeof name !== 'string' || name === '') wrong('`name` to be the name of a tool', name)
  return { call: name, arguments: args }
}

function answer(status: number, headers: Readonly<Record<string, string>>, body: string): Step {
  return { status, headers, body }
}

const kinds: readonly string[] = ['status', 'stall', 'reset', 'cut', 'say', 'call']

/** The step itself, or a TypeError. */
export function checkedStep(step: unknown): Step {
  if (typeof step === 'object' && step !== null && kinds.some((kind) => kind in step)) {
    if ('status' in step) whole('status', step.status, 200)
    if ('stall' in step) milliseconds('stall', step.stall)
    if ('cut' in step) whole('cut', step.cut)
    return step as Step
  }
  return wrong(`a step with one of ${kinds.map((kind) => `\`${kind}\``).join(', ')}`, step)
}
