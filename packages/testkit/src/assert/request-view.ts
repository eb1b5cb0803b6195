/** What the assertions read of a request, from a recorder or from `watchOutgoing`. */
export interface RequestView {
  readonly method: string
  /** Path and query. */
  readonly path: string
  /** Names and values, in order. */
  readonly rawHeaders: readonly (readonly [name: string, value: string])[]
  /** The value of a header; the name is matched in any letter case. */
  header(name: string): string | undefined
  /** The body parsed as JSON; undefined if it is not JSON. Absent where the body cannot be seen. */
  json?(): unknown
}

const CREDENTIAL = /^(authorization|cookie|proxy-authorization|.*api-?key)$/i
const MAX_BODY_LENGTH = 300

/** The request as text for a failure message, without credentials. */
export function formatRequest(request: RequestView): string {
  const headers = request.rawHeaders.map(([name, value]) => `  ${name}: ${CREDENTIAL.test(name) ? '(hidden)' : value}`)
  const body = request.json === undefined ? undefined : JSON.stringify(request.json())
  const text =
    body === undefined ? [] : [`  ${body.length > MAX_BODY_LENGTH ? `${body.slice(0, MAX_BODY_LENGTH)} …` : body}`]
  return [`  ${request.method} ${request.path}`, ...headers, ...text].join('\n')
}
