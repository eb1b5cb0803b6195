/** What is looked at of a request: a recorder's, or one that `watchOutgoing` has seen. */
export interface Carried {
  readonly method: string
  /** Path and query. */
  readonly path: string
  /** Names and values, in order. */
  readonly rawHeaders: readonly (readonly [name: string, value: string])[]
  /** The value of a header, its name in any letter case. */
  header(name: string): string | undefined
  /** The body as JSON, where there is one to see; undefined where it is none. */
  json?(): unknown
}

const SECRET = /^(authorization|cookie|proxy-authorization|.*api-?key)$/i
const MAX_BODY = 300

/** A request as a person reads it, for messages. Credentials are left out. */
export function shown(request: Carried): string {
  const headers = request.rawHeaders.map(([name, value]) => `  ${name}: ${SECRET.test(name) ? '(left out)' : value}`)
  const body = request.json === undefined ? undefined : JSON.stringify(request.json())
  const text = body === undefined ? [] : [`  ${body.length > MAX_BODY ? `${body.slice(0, MAX_BODY)} …` : body}`]
  return [`  ${request.method} ${request.path}`, ...headers, ...text].join('\n')
}
