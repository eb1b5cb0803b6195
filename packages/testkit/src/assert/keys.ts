import { gateways } from 'llm-affinity/gateways'
import type { Carried } from './carried.js'

/** Where keys are looked for. Default: wherever any known gateway reads one. */
export interface KeyOptions {
  /** The request headers of a gateway of your own, instead of the known ones. */
  readonly headers?: readonly string[]
  /** The body fields, at the top of a JSON body or as a path with dots, instead of the known ones. */
  readonly fields?: readonly string[]
}

const rows = [...gateways.values()]
const HEADERS = [...new Set(rows.flatMap(({ headers }) => headers))]
const FIELDS = [...new Set(rows.flatMap(({ body }) => (body === undefined ? [] : [body.field])))]

/** Every place of a request that carries a key, and the key there. */
export function keysOn(request: Carried, { headers = HEADERS, fields = FIELDS }: KeyOptions = {}): Map<string, string> {
  const found = new Map<string, string>()
  for (const name of headers) {
    const value = request.header(name)
    if (value !== undefined) found.set(name, value)
  }
  const body = request.json?.()
  for (const field of fields) {
    const value = field.split('.').reduce((at, name) => (isObject(at) ? at[name] : undefined), body)
    if (typeof value === 'string') found.set(field, value)
  }
  return found
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
