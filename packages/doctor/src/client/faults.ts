import type { Fault, FaultKind } from './calls.js'

const CODES: Readonly<Record<string, FaultKind>> = {
  ENOTFOUND: 'unresolved',
  EAI_AGAIN: 'unresolved',
  ECONNREFUSED: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ETIMEDOUT: 'unreachable',
  UND_ERR_CONNECT_TIMEOUT: 'unreachable',
  ECONNRESET: 'broken',
  EPIPE: 'broken',
  UND_ERR_SOCKET: 'broken',
}

/** Classifies an error that an SDK threw, by what it means for the user. */
export function faultOf(error: unknown, at: { readonly answered: boolean }): Fault {
  const text = oneLine(textOf(error))
  const status = numberIn(error, 'status')
  if (status !== undefined) {
    const retryAfterMs = status === 429 ? retryAfterOf(error) : undefined
    const fault = { kind: kindOf(status, error), status, message: withoutStatus(text, status) }
    return { ...fault, ...(retryAfterMs !== undefined && { retryAfterMs }) }
  }
  const codes = [...causesOf(error)].map((cause) => String(Reflect.get(cause, 'code') ?? ''))
  if (codes.some((code) => /CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code))) {
    return { kind: 'insecure', message: text }
  }
  if (at.answered) return { kind: 'cut', message: text }
  const known = codes.find((code) => Object.hasOwn(CODES, code))
  // An SDK only reports a connection error. Its innermost cause has the reason.
  const innermost = oneLine(textOf([...causesOf(error)].at(-1) ?? error))
  return {
    kind: (known !== undefined && CODES[known]) || 'broken',
    message: known ?? EXPLAINED[innermost] ?? innermost,
  }
}

const EXPLAINED: Readonly<Record<string, string>> = {
  'bad port': 'fetch does not connect to this port (the fetch standard lists it as a bad port)',
}

function kindOf(status: number, error: unknown): FaultKind {
  if (status === 429) return 'limited'
  // Some gateways answer 500 to what they do not support, and 401 or 403 to calls without a session.
  const named = kindByCode(error) ?? kindByText(textOf(error))
  if (status === 401 || status === 403) return named === 'needs-key' ? named : 'unauthorized'
  if (status >= 500) return named === 'no-stream' || named === 'unsupported' ? named : 'broken'
  return named ?? (status === 404 || status === 405 ? 'no-path' : 'refused')
}

const KINDS_BY_CODE: Readonly<Record<string, FaultKind>> = {
  unsupported_parameter: 'unsupported',
  unsupported_value: 'unsupported',
  unknown_parameter: 'unsupported',
  extra_forbidden: 'unsupported',
  context_length_exceeded: 'too-long',
  string_above_max_length: 'too-long',
  model_not_found: 'no-model',
  missing_session_id: 'needs-key',
}

// The code and the parameter of an error are exact. Its text names the model in many errors that are not about the model.
function kindByCode(error: unknown): FaultKind | undefined {
  for (const body of [error, member(error, 'error'), member(member(error, 'error'), 'error')]) {
    for (const name of ['code', 'type']) {
      const value = member(body, name)
      if (typeof value === 'string' && Object.hasOwn(KINDS_BY_CODE, value)) return KINDS_BY_CODE[value]
    }
    const param = member(body, 'param')
    if (param === 'stream') return 'no-stream'
    if (param === 'max_tokens' || param === 'max_completion_tokens' || param === 'stream_options') return 'unsupported'
  }
  return undefined
}

const KINDS_BY_TEXT: readonly (readonly [FaultKind, RegExp])[] = [
  [
    'needs-key',
    /missing_session_id|session[ _-]?id\b.{0,40}\b(required|missing)|(required|missing|without)\b.{0,40}\bsession[ _-]?id\b/i,
  ],
  [
    'too-long',
    /context[ _](length|window|size)|(prompt|input|request) is too (long|large)|maximum (number of )?(context|input|prompt)|too many (input |prompt )?tokens/i,
  ],
  ['unsupported', /\b(max_tokens|max_completion_tokens|stream_options|include_usage|temperature)\b/i],
  [
    'no-stream',
    /stream(ing)?\b.{0,40}\b(not|n't|un)\s?-?(supported|support|allowed|enabled|available|implemented)|(not|n't) support.{0,30}\bstream/i,
  ],
  [
    'unsupported',
    /(unsupported|unrecognized|unknown|unexpected|extra|additional) (request )?(parameter|argument|field|property|properties|inputs?)\b/i,
  ],
  [
    'no-model',
    /\bmodel\b.{0,120}\b(not (be )?(found|exist|available|supported|loaded|registered)|does(n't| not) exist|unknown|invalid|no healthy|deploy)|\b(no such|unknown|invalid|unsupported|find|have|missing) (a |the |any )?(\w+ ){0,3}model\b/i,
  ],
]

function kindByText(text: string): FaultKind | undefined {
  return KINDS_BY_TEXT.find(([, pattern]) => pattern.test(text.slice(0, 2000)))?.[0]
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

// In seconds or as a date, by RFC 9110; some APIs send milliseconds too.
function retryAfterOf(error: unknown): number | undefined {
  const headers = member(error, 'headers')
  if (!(headers instanceof Headers)) return undefined
  const ms = Number(headers.get('retry-after-ms') ?? Number.NaN)
  if (Number.isFinite(ms) && ms >= 0) return ms
  const value = headers.get('retry-after')
  if (value === null) return undefined
  const seconds = Number(value)
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now()
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined
}

// SDKs and many servers put the status first; it is printed once.
function withoutStatus(text: string, status: number): string {
  const rest = text.replace(new RegExp(`^(${status}\\b[\\s:.]*)+`), '').replace(/^status code \(no body\)$/, '')
  return rest === '' ? 'no reason given' : rest
}

function numberIn(error: unknown, name: string): number | undefined {
  const value = member(error, name)
  return typeof value === 'number' ? value : undefined
}

function* causesOf(error: unknown): Iterable<object> {
  for (let cause = error, depth = 0; typeof cause === 'object' && cause !== null && depth < 8; depth++) {
    yield cause
    if (cause instanceof AggregateError) for (const each of cause.errors) if (each instanceof Error) yield each
    cause = Reflect.get(cause, 'cause')
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Text from the network as one printable line of at most 200 characters. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal would interpret them
  const line = text.replace(/[\x00-\x1f\x7f-\x9f\s]+/g, ' ').trim()
  return line.length <= 200 ? line : `${line.slice(0, 199)}…`
}
