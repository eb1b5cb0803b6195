import { isFreeHeader } from '../gateways/validate.js'
import { checkOptions, counted, expected, kind, quoted } from '../util/errors.js'
import { type RepinOptions, type RepinPolicy, repinPolicyOf } from './repin.js'
import { ISSUERS, type Issuer, type Rules, type TokenRule } from './rules.js'
import type { StateStore } from './store.js'

/** Options of `LearnedState`. */
export interface LearnedStateOptions {
  /** Whose headers and cookies to learn, where their names are known. Gateways of the table need not be named again here. */
  readonly issuer?: Issuer | readonly Issuer[]
  /** Response headers to give back under the same name, or under another one. */
  readonly headers?: readonly (string | TokenRule)[]
  /** The names of cookies to give back, in their letter case. */
  readonly cookies?: readonly string[]
  /** When a session leaves a backend that fails. Default: never. */
  readonly repin?: RepinOptions
  /**
   * Milliseconds that calls wait for the first answer of their session, if they start before it, so that they do not scatter.
   * Only in integrations that are a fetch. 0: not at all. @default 30_000
   */
  readonly firstTurnMs?: number
  /** How many sessions are remembered. @default 10_000 */
  readonly maxSessions?: number
  /** Milliseconds after its last call for which a session is remembered, in the store too. @default 3_600_000 */
  readonly idleMs?: number
  /**
   * Shares the learned state between processes: a Keyv, or anything with its `get`, `set` and `delete`. It is read before the
   * first call of a Session object, and again after a second, by integrations that are a fetch; it is written on change.
   */
  readonly store?: StateStore
  /** Milliseconds that a call waits for the store. @default 100 */
  readonly storeWaitMs?: number
}

/** The checked options. */
export interface Settings {
  readonly rules: Rules
  readonly repin: RepinPolicy | undefined
  readonly firstTurnMs: number
  readonly maxSessions: number
  readonly idleMs: number
  readonly store: StateStore | undefined
  readonly storeWaitMs: number
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/
const OPTIONS = 'issuer headers cookies repin firstTurnMs maxSessions idleMs store storeWaitMs'.split(' ')
const RULE = 'from to first closedBy'.split(' ')
const MAX_MS = 2 ** 31 - 1

/** @throws TypeError that names the option, what was expected and what it got. */
export function settingsOf(options: LearnedStateOptions): Settings {
  const given = checkOptions(options, OPTIONS, '{ cookies: ["ROUTEID"] }')
  const { issuer = [], headers = [], cookies = [], repin, store } = given
  const issuers = [issuer].flat().map((name) => {
    if (Object.hasOwn(ISSUERS, name)) return ISSUERS[name]
    throw expected(`\`issuer\` to be among ${Object.keys(ISSUERS).join(', ')}`, quoted(name))
  })
  for (const [name, list] of Object.entries({ headers, cookies })) {
    if (!Array.isArray(list)) throw expected(`\`${name}\` to be a list of names`, kind(list))
  }
  const wrong = cookies.find((name) => typeof name !== 'string' || !NAME.test(name))
  if (wrong !== undefined) throw expected('`cookies` to be names of cookies', quoted(wrong))
  return {
    rules: {
      headers: [...headers.map(ruleOf), ...issuers.flatMap((each) => each.headers)],
      cookies: [...new Set([...cookies, ...issuers.flatMap((each) => each.cookies)])],
    },
    repin: repin === undefined ? undefined : repinPolicyOf(repin),
    firstTurnMs: time('firstTurnMs', given.firstTurnMs ?? 30_000, 0),
    maxSessions: whole('maxSessions', given.maxSessions ?? 10_000),
    idleMs: time('idleMs', given.idleMs ?? 3_600_000, 1),
    store: store === undefined ? undefined : checkedStore(store),
    storeWaitMs: time('storeWaitMs', given.storeWaitMs ?? 100, 1),
  }
}

function ruleOf(rule: string | TokenRule): TokenRule {
  const { from, to, first, closedBy } = checkOptions(
    typeof rule === 'string' ? { from: rule } : rule,
    RULE,
    '{ from: "x-session-token" }',
    'a header rule',
  )
  for (const value of [from ?? '', to, closedBy]) {
    if (value === undefined) continue
    // Cookies have a list of their own.
    if (!isFreeHeader(value) || value.length > 256 || /^set-cookie$/i.test(value)) {
      throw expected('`headers` to be names of headers that may carry a token', quoted(value))
    }
  }
  if (first !== undefined && (typeof first !== 'string' || !NAME.test(first))) {
    throw expected('`first` to be a token', quoted(first))
  }
  return {
    from: from.toLowerCase(),
    ...(to !== undefined && { to: to.toLowerCase() }),
    ...(first !== undefined && { first }),
    ...(closedBy !== undefined && { closedBy: closedBy.toLowerCase() }),
  }
}

function checkedStore(store: StateStore): StateStore {
  const missing = (['get', 'set', 'delete'] as const).find((name) => typeof store?.[name] !== 'function')
  if (missing === undefined) return store
  throw expected('`store` to be a Keyv, or to have its get, set and delete', `${kind(store)} without \`${missing}\``)
}

function time(name: string, value: unknown, least: number): number {
  if (typeof value === 'number' && value >= least && value <= MAX_MS) return value
  throw expected(`\`${name}\` to be a number of milliseconds`, counted(value))
}

function whole(name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && Number(value) > 0) return Number(value)
  throw expected(`\`${name}\` to be a whole number from 1`, counted(value))
}
