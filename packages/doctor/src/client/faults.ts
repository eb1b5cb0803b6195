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
export function faultOf(error: unknown, at: { readonly answered: boolean; readonly timedOut: boolean }): Fault {
  const text = oneLine(textOf(error))
  const status = numberIn(error, 'status')
  if (status !== undefined) return { kind: kindOf(status, error), status, message: withoutStatus(text, status) }
  if (at.timedOut) return { kind: 'silent', message: 'timed out' }
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
  if (status === 401 || status === 403) return 'unauthorized'
  if (status === 429) return 'limited'
  if (status >= 500) return 'broken'
  const code = typeof error === 'object' && error !== null ? String(Reflect.get(error, 'code') ?? '') : ''
  const isOfModel = code === 'model_not_found' || /\bmodel\b/i.test(textOf(error))
  if ((status === 404 || status === 400) && isOfModel) return 'no-model'
  return status === 404 || status === 405 ? 'no-path' : 'refused'
}

// SDKs and many servers put the status first; it is printed once.
function withoutStatus(text: string, status: number): string {
  const rest = text.replace(new RegExp(`^(${status}\\b[\\s:.]*)+`), '').replace(/^status code \(no body\)$/, '')
  return rest === '' ? 'no reason given' : rest
}

function numberIn(error: unknown, name: string): number | undefined {
  const value: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined
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
