import { gateways } from 'llm-affinity/gateways'
import type { Call } from '../client/calls.js'

/** What tells the backends apart. */
export interface BackendIdentifier {
  /** The header, or the cookie, that names them. */
  readonly by: string
  /** It is in the table of gateways, or says what it is by its name; else only its values look like names. */
  readonly isReliable: boolean
  readonly backendOf: (answer: Call['answer']) => string | undefined
}

const MOST = 16
const SOUND = /^[\x20-\x7e]{1,256}$/
const IDENTITY =
  /(backend|upstream|served|replica|instance|worker|\bpods?\b|\bnode\b|endpoint|target|shard|deployment|hostname)/i
// Measures take few values too.
const MEASURE =
  /(date|time|duration|latency|elapsed|timing|limit|remaining|reset|length|cost|spend|token|count|usage|attempt|retries|\bage$)/i
// What it says is not who has answered, unless its name says that it is.
const OTHER =
  /(request|trace|span|correlation|session|conversation|etag|expires|modified|version|content|encoding|cache|policy|allow|vary|accept|^server$|^via$|^connection$|^keep-alive$|cookie|origin|model|id$)/i

/** Who answered, by whatever names it in the answers. Undefined where nothing does. */
export function identifyBackends(calls: readonly Call[], prefer?: string): BackendIdentifier | undefined {
  const answered = calls.filter(({ answer }) => answer.fault === undefined).map(({ answer }) => answer)
  const found = [...fromTable(prefer), ...fromNames(answered), ...fromCookies(answered)]
  const scored = found.flatMap((sight) => {
    const names = answered.map(sight.backendOf)
    const distinct = new Map<string, number>()
    for (const name of names) if (name !== undefined) distinct.set(name, (distinct.get(name) ?? 0) + 1)
    const isThere = names.filter((name) => name !== undefined).length >= 0.9 * names.length && names.length > 0
    const isFew = distinct.size <= MOST && (names.length < 8 || distinct.size <= names.length / 2)
    // One value in all answers names a backend only where the header is known to.
    return isThere && isFew && (sight.isReliable || distinct.size > 1) ? [{ sight, several: distinct.size > 1 }] : []
  })
  return (
    scored.find(({ sight, several }) => sight.isReliable && several) ??
    scored.find(({ sight }) => sight.isReliable) ??
    scored[0]
  )?.sight
}

function fromTable(prefer: string | undefined): BackendIdentifier[] {
  const rows = [...gateways.values()].toSorted((a, b) => Number(b.name === prefer) - Number(a.name === prefer))
  const seen = new Map<string, BackendIdentifier>()
  for (const { evidence } of rows) {
    const { backend = [], backendPattern = /.*/, ambiguous = false } = evidence ?? {}
    const whole = [backend].flat()
    // Half a name, or one that may be that of several backends, is as good as one that only looks like a name.
    for (const names of [whole, ...(whole.length > 1 ? whole.map((name) => [name]) : [])]) {
      const by = names.join(' and ')
      if (by === '' || seen.has(by)) continue
      const backendOf: BackendIdentifier['backendOf'] = ({ headers }) => {
        const values = names.flatMap((name) => headers.get(name) ?? [])
        const match = values.length === names.length ? backendPattern.exec(values.join(' ')) : null
        return sound(match?.[1] ?? match?.[0])
      }
      seen.set(by, { by, isReliable: names === whole && !ambiguous, backendOf })
    }
  }
  return [...seen.values()]
}

function fromNames(answers: readonly Call['answer'][]): BackendIdentifier[] {
  const names = new Set(answers.flatMap(({ headers }) => [...headers.keys()]))
  return (
    [...names]
      .filter((name) => !MEASURE.test(name) && (IDENTITY.test(name) || !OTHER.test(name)))
      // A count or a time of day takes few values as well.
      .filter((name) => IDENTITY.test(name) || answers.every(({ headers }) => /[a-z]/i.test(headers.get(name) ?? 'a')))
      .map((by) => ({ by, isReliable: IDENTITY.test(by), backendOf: ({ headers }) => sound(headers.get(by)) }))
  )
}

function fromCookies(answers: readonly Call['answer'][]): BackendIdentifier[] {
  const names = new Set(answers.flatMap(({ cookies }) => [...cookies.keys()]))
  return [...names].map((name) => ({
    by: `cookie ${name}`,
    isReliable: false,
    backendOf: ({ cookies }) => sound(cookies.get(name)),
  }))
}

function sound(value: string | undefined): string | undefined {
  return value !== undefined && SOUND.test(value) ? value : undefined
}
