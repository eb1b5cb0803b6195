import { gateways } from 'llm-affinity/gateways'
import type { RequestView } from './request-view.js'

/** Where to look for keys. Default: every header and body field in which a known gateway reads one. */
export interface KeyOptions {
  /** Header names of a user-defined gateway, in place of the known ones. */
  readonly headers?: readonly string[]
  /** Top-level fields of a JSON body, in place of the known ones. */
  readonly fields?: readonly string[]
}

const entries = [...gateways.values()]
const HEADERS = [...new Set(entries.flatMap(({ headers }) => headers))]
const FIELDS = [...new Set(entries.flatMap(({ body }) => (body === undefined ? [] : [body.field])))]

/** The keys that a request carries, by the header name or body field that carries each. */
export function findKeys(
  request: RequestView,
  { headers = HEADERS, fields = FIELDS }: KeyOptions = {},
): Map<string, string> {
  const found = new Map<string, string>()
  for (const name of headers) {
    const value = request.header(name)
    if (value !== undefined) found.set(name, value)
  }
  const body = request.json?.()
  for (const field of fields) {
    const value = isObject(body) && Object.hasOwn(body, field) ? body[field] : undefined
    if (typeof value === 'string') found.set(field, value)
  }
  return found
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
