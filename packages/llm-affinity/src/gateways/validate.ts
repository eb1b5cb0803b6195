// Checks user-defined gateways, once, at set-up.

import { expected, isObject, kind, quoted } from '../util/errors.js'
import type { Gateway } from './gateway.js'
import { type GatewayName, gateways } from './table.js'

type Is = (value: unknown) => boolean
/** What a member must be, and a function that checks it. */
type Check = readonly [what: string, is: Is]
type Checks = Readonly<Record<string, Check>>

// Headers that frame a request or authenticate its sender.
const RESERVED =
  /^(authorization|connection|cookie|expect|host|keep-alive|te|trailer|transfer-encoding|upgrade|(content|proxy|sec)-.*)$/i
const HASHED = '0123456789abcdef'.repeat(2)
const PATTERN = 'a RegExp without the flags g and y'
const NEEDED = ['name', 'headers', 'field', 'paths']

const isHeader = textOf(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/)
// With these two flags the result of a match depends on the one before.
const isPattern = (value: unknown): value is RegExp => value instanceof RegExp && !/[gy]/.test(value.flags)
const header: Check = ['a header name', isHeader]
/** Whether this is the name of a header that may carry what this package writes. */
export const isFreeHeader: Is = (value) => isHeader(value) && !RESERVED.test(String(value))
const free: Check = ['a header name that is free to carry a key', isFreeHeader]
const headers = listOf(header)
const flag: Check = ['true or false', (value) => value === true || value === false]

const GATEWAY: Checks = {
  name: ['a string that is not empty', textOf(/./)],
  headers: listOf(free, 0),
  parent: free,
  body: objectOf('body', {
    field: ['a name', textOf(/^[\w-]+$/)],
    paths: listOf(['a path such as "/chat/completions"', textOf(/^\/[^?#]*$/)]),
  }),
  keyPattern: [`${PATTERN}, which 32 hex characters match`, (value) => isPattern(value) && value.test(HASHED)],
  hosts: listOf(['a host such as "*.example.com"', textOf(/^[a-z0-9.-]*\*?[a-z0-9.-]*[a-z0-9]$/)]),
  requiresKey: flag,
  pinsPerModel: flag,
  evidence: objectOf('evidence', {
    outcome: header,
    outcomeValues: [
      'an object of outcomes',
      (value) => isObject(value) && Object.values(value).every(textOf(/^(hit|miss|repin|moved|disabled|unknown)$/)),
    ],
    backend: ['a header name, or a list of them', (value) => headers[1]([value].flat())],
    backendPattern: [PATTERN, isPattern],
    ambiguous: flag,
    source: header,
    echo: header,
    model: header,
    retryHeaders: headers,
    failureHeaders: headers,
  }),
}

/**
 * Returns the gateway with a name, or a checked copy of a user-defined one.
 *
 * @throws TypeError that names what is wrong with it.
 */
export function resolveGateway(gateway: GatewayName | Gateway): Gateway {
  if (typeof gateway === 'string') {
    const known: Gateway | undefined = gateways.get(gateway)
    if (known !== undefined) return known
    const names = [...gateways.keys()]
    const meant = names.find((name) => isClose(name, gateway))
    throw expected(
      `\`gateway\` to be one of ${names.join(', ')}, or a row of your own`,
      quoted(gateway),
      meant && `Did you mean '${meant}'?`,
    )
  }
  if (!isObject(gateway)) throw expected('`gateway` to be a name or a row', kind(gateway))
  check('gateway', gateway, GATEWAY)
  // A repeated name would be sent twice by undici.
  const names = new Set(gateway.headers.map((name) => name.toLowerCase()))
  const parent = gateway.parent?.toLowerCase()
  if (names.size === 0 && gateway.body === undefined)
    throw expected('`gateway` to have a header or a `body`', 'neither')
  if (parent !== undefined && names.has(parent))
    throw expected('`gateway.parent` to be none of its headers', quoted(parent))
  // A copy, so that a later change of the object has no effect. jsdom has no structuredClone.
  const copy = globalThis.structuredClone?.(gateway) ?? gateway
  return { ...copy, headers: [...names], ...(parent !== undefined && { parent }) }
}

/** Whether a text is this name with a typing mistake: one letter or two neighbours are wrong, missing or added. */
function isClose(name: string, text: string): boolean {
  return [...name].some((_, i) => new RegExp(`^${name.slice(0, i)}.{0,3}${name.slice(i + 2)}$`, 'i').test(text))
}

/** Returns true, or throws. */
function check(of: string, given: object, checks: Checks): boolean {
  for (const name of new Set([...Object.keys(checks), ...Object.keys(given)])) {
    const value: unknown = Reflect.get(given, name)
    const [what, is] = (Object.hasOwn(checks, name) && checks[name]) || []
    if (is === undefined) throw expected(`\`${of}\` to have only ${Object.keys(checks).join(', ')}`, quoted(name))
    if (value === undefined ? NEEDED.includes(name) : !is(value)) {
      throw expected(
        `\`${of}.${name}\` to be ${what}`,
        Array.isArray(value) ? `[${value.map(quoted).join(', ')}]` : quoted(value),
      )
    }
  }
  return true
}

function objectOf(name: string, checks: Checks): Check {
  return ['an object', (value) => isObject(value) && check(`gateway.${name}`, value, checks)]
}

function listOf([what, is]: Check, least = 1): Check {
  return [`a list, each ${what}`, (value) => Array.isArray(value) && value.length >= least && value.every(is)]
}

function textOf(form: RegExp): Is {
  return (value) => typeof value === 'string' && form.test(value)
}
