// Rows that users write, checked once, at set-up.

import { expected, kind, quoted } from './expected.js'
import { type Gateway, type GatewayName, gateways } from './gateways.js'

type Is = (value: unknown) => boolean
/** What each member is to be, and whether it is. */
type Checks = Readonly<Record<string, readonly [what: string, is: Is]>>

// What frames a request or proves who sends it.
const RESERVED =
  /^(authorization|connection|content-.*|cookie|expect|host|keep-alive|proxy-.*|sec-.*|te|trailer|transfer-encoding|upgrade)$/i
const HASHED = '0123456789abcdef'.repeat(2)

const isHeader = textOf(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/)
const isFree: Is = (value) => isHeader(value) && !RESERVED.test(String(value))
// These two flags make an answer depend on the one before.
const isPattern: Is = (value) => value instanceof RegExp && !/[gy]/.test(value.flags)
const isFlag: Is = (value) => typeof value === 'boolean'
const header = ['the name of a header', isHeader] as const

const ROW: Checks = {
  name: ['a string that is not empty', textOf(/./)],
  headers: ['a list, not empty, of header names that are free to carry a key', listOf(isFree)],
  parent: ['a header name that is free to carry a key', isFree],
  body: ['an object', isObject],
  value: [
    'a RegExp without the flags g and y, which 32 hex characters match',
    (value) => isPattern(value) && value instanceof RegExp && value.test(HASHED),
  ],
  hosts: ['a list of hosts such as "*.example.com"', listOf(textOf(/^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$/))],
  strict: ['true or false', isFlag],
  perModel: ['true or false', isFlag],
  evidence: ['an object', isObject],
}

const BODY: Checks = {
  field: ['a name, or a path of names with dots', textOf(/^[\w-]+(\.[\w-]+)*$/)],
  paths: ['a list of how URL paths end, such as "/chat/completions"', listOf(textOf(/^\/[^?#]*$/))],
}

const EVIDENCE: Checks = {
  outcome: header,
  words: [
    'an object of outcomes',
    (value) => isObject(value) && Object.values(value).every(textOf(/^(hit|miss|repin|moved|disabled|unknown)$/)),
  ],
  backend: header,
  part: ['a RegExp without the flags g and y', isPattern],
  source: header,
  echo: header,
  model: header,
  retries: ['a list of header names', listOf(isHeader)],
}

/**
 * The row of a name, or a copy of a user's own.
 *
 * @throws TypeError that says what is wrong with it.
 */
export function rowOf(gateway: GatewayName | Gateway): Gateway {
  if (typeof gateway === 'string') {
    const known = gateways.get(gateway)
    if (known !== undefined) return known
    throw expected(`\`gateway\` to be one of ${[...gateways.keys()].join(', ')}, or a row of your own`, quoted(gateway))
  }
  if (!isObject(gateway)) throw expected('`gateway` to be a name or a row', kind(gateway))
  const { headers, parent, body, evidence } = gateway
  // A row with a body field needs no header.
  const isOnlyBody = body !== undefined && Array.isArray(headers) && headers.length === 0
  check('gateway', isOnlyBody ? { ...gateway, headers: ['-'] } : gateway, ROW, ['name', 'headers'])
  if (body !== undefined) check('gateway.body', body, BODY, ['field', 'paths'])
  if (evidence !== undefined) check('gateway.evidence', evidence, EVIDENCE)
  return {
    // Copied, so that a row changed later does not change what goes out.
    ...structuredClone(gateway),
    // Twice would be two header lines on undici.
    headers: [...new Set(headers.map((name) => name.toLowerCase()))],
    ...(parent !== undefined && { parent: parent.toLowerCase() }),
  }
}

function check(of: string, given: object, checks: Checks, needed: readonly string[] = []): void {
  for (const name of new Set([...needed, ...Object.keys(given)])) {
    const value: unknown = Reflect.get(given, name)
    const wanted = Object.hasOwn(checks, name) ? checks[name] : undefined
    if (wanted === undefined) throw expected(`\`${of}\` to have only ${Object.keys(checks).join(', ')}`, quoted(name))
    const [what, is] = wanted
    if ((value !== undefined || needed.includes(name)) && !is(value)) {
      throw expected(
        `\`${of}.${name}\` to be ${what}`,
        Array.isArray(value) ? `[${value.map(quoted).join(', ')}]` : quoted(value),
      )
    }
  }
}

function textOf(form: RegExp): Is {
  return (value) => typeof value === 'string' && form.test(value)
}

function listOf(each: Is): Is {
  return (value) => Array.isArray(value) && value.length > 0 && value.every(each)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
