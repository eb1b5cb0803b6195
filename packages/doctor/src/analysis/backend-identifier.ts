import { gateways } from 'llm-affinity/gateways'
import type { Answer, Call } from '../client/calls.js'
import { type CacheReading, isVisible } from './cache-steps.js'
import { conversationsOf } from './conversations.js'
import { probabilityOfHigher } from './significance.js'

/**
 * How far a name can be trusted to be the backend's: `known`, by the table of gateways or by the user; `named`, by the name
 * of the header or cookie; `guessed`, only because its values look like names.
 */
export type Trust = 'known' | 'named' | 'guessed'

/** What distinguishes the backends. */
export interface BackendIdentifier {
  /** The header or the cookie that names them. */
  readonly by: string
  readonly trust: Trust
  /** The backend of an answer. Undefined where it names none. */
  readonly backendOf: (answer: Answer) => string | undefined
  /** Whether the cached tokens agree with it, contradict it, or leave it open. */
  readonly agreement: Agreement
}

/** How the cached tokens relate to the names of backends. */
export type Agreement = 'agrees' | 'open' | 'contradicts'

type Candidate = Omit<BackendIdentifier, 'agreement'>

const MAX_BACKENDS = 16
const PRINTABLE = /^[\x20-\x7e]{1,256}$/
const IDENTITY =
  /(backend|upstream|replica|instance|worker|\bpods?\b|\bnode\b|endpoint|target|shard|deployment|hostname|serverid|routeid|\broute\b)/i
// Measures and states take few values too, whatever else the name contains.
const MEASURE =
  /(date|time|duration|latency|elapsed|timing|limit|remaining|reset|length|cost|spend|token|count|usage|attempt|retries|\bage$|status|state|\bcode\b|health|tier|cache|hits?\b|moderation|safety|flag|score|level|protocol|priority|queue|load)/i
// Such a header names the backend only if its name says so.
const OTHER =
  /(request|trace|span|correlation|session|conversation|etag|expires|modified|version|content|encoding|policy|allow|vary|accept|^server$|^via$|^connection$|^keep-alive$|cookie|origin|model|id$)/i

/**
 * What names the backends in the answers. Undefined where nothing does.
 *
 * @param prefer The name of the gateway whose headers are tried first.
 * @param header A header that names the backend, by the user: no other one is tried.
 */
export function identifyBackends(
  calls: readonly Call[],
  {
    caches,
    prefer,
    header,
  }: { readonly caches?: CacheReading; readonly prefer?: string; readonly header?: string } = {},
): BackendIdentifier | undefined {
  const answered = calls.filter(({ answer }) => answer.fault === undefined).map(({ answer }) => answer)
  const candidates =
    header === undefined ? [...fromTable(prefer), ...fromNames(answered), ...fromCookies(answered)] : [byHeader(header)]
  const scored = candidates.flatMap((candidate) => {
    const names = answered.map(candidate.backendOf)
    const distinct = new Set(names.filter((name) => name !== undefined)).size
    const isPresent = names.filter((name) => name !== undefined).length >= 0.9 * names.length && names.length > 0
    const isFew = distinct <= MAX_BACKENDS && (names.length < 8 || distinct <= names.length / 2)
    const isKnown = candidate.trust === 'known'
    if (!isPresent || !isFew || (!isKnown && isConversationId(calls, candidate))) return []
    const agreement = caches === undefined ? 'open' : agreementWith(caches, candidate)
    // A value that only looks like a name must take several values, and caches overrule it.
    if (candidate.trust === 'guessed' && distinct < 2) return []
    if (!isKnown && agreement === 'contradicts') return []
    return [{ identifier: { ...candidate, agreement }, rank: rankOf(candidate.trust, distinct > 1, agreement) }]
  })
  return scored.toSorted((a, b) => a.rank - b.rank)[0]?.identifier
}

function rankOf(trust: Trust, isSeveral: boolean, agreement: Agreement): number {
  const byTrust = { known: isSeveral ? 0 : 2, named: isSeveral ? 1 : 3, guessed: 4 }[trust]
  return byTrust + { agrees: 0, open: 10, contradicts: 20 }[agreement]
}

const SURE = 0.01
const MIN_EACH = 4

// A backend finds what it has cached itself. So turns on the same backend find the conversation, and others do not, unless they
// had it before or the backends share a cache.
function agreementWith(caches: CacheReading, { backendOf }: Candidate): Agreement {
  if (!isVisible(caches)) return 'open'
  const known = caches.steps.flatMap(({ call, before, foundAny: found }) => {
    const [from, to] = [backendOf(before.answer), backendOf(call.answer)]
    return from === undefined || to === undefined ? [] : [{ same: from === to, found: Number(found) }]
  })
  const same = known.filter((step) => step.same).map(({ found }) => found)
  const other = known.filter((step) => !step.same).map(({ found }) => found)
  const missed = known.filter(({ found }) => found === 0).length
  if (other.length === 0) return known.length >= 8 && missed > 0.1 * known.length ? 'contradicts' : 'open'
  if (same.length < MIN_EACH || other.length < MIN_EACH) return 'open'
  if (probabilityOfHigher(same, other) <= SURE) return 'agrees'
  const isInformative = missed > 0.2 * known.length && missed < 0.8 * known.length
  return isInformative ? 'contradicts' : 'open'
}

// Some gateways return an id of the conversation, which never changes within one and is not a backend.
function isConversationId(calls: readonly Call[], { backendOf }: Candidate): boolean {
  const conversations = conversationsOf(calls).map((turns) => ({
    arm: turns[0]?.arm,
    values: new Set(turns.map(({ answer }) => backendOf(answer))),
  }))
  const withKey = conversations.filter(({ arm }) => arm === 'affinity')
  const all = conversations.flatMap(({ values }) => [...values])
  const isShared = new Set(all).size < all.length
  return withKey.length >= 4 && !isShared && withKey.every(({ values }) => values.size === 1)
}

function byHeader(name: string): Candidate {
  const by = name.toLowerCase()
  return { by, trust: 'known', backendOf: ({ headers }) => printable(headers.get(by)) }
}

function fromTable(prefer: string | undefined): Candidate[] {
  const entries = [...gateways.values()].toSorted((a, b) => Number(b.name === prefer) - Number(a.name === prefer))
  const seen = new Map<string, Candidate>()
  for (const { evidence } of entries) {
    const { backend = [], backendPattern = /.*/, ambiguous = false } = evidence ?? {}
    const whole = [backend].flat()
    // A part of the name, or a name that several backends may have, is no better than a guess.
    for (const names of [whole, ...(whole.length > 1 ? whole.map((name) => [name]) : [])]) {
      const by = names.join(' and ')
      if (by === '' || seen.has(by)) continue
      const backendOf: Candidate['backendOf'] = ({ headers }) => {
        const values = names.flatMap((name) => headers.get(name) ?? [])
        const match = values.length === names.length ? backendPattern.exec(values.join(' ')) : null
        return printable(match?.[1] ?? match?.[0])
      }
      seen.set(by, { by, trust: names === whole && !ambiguous ? 'known' : 'guessed', backendOf })
    }
  }
  return [...seen.values()]
}

function fromNames(answers: readonly Answer[]): Candidate[] {
  const names = new Set(answers.flatMap(({ headers }) => [...headers.keys()]))
  return (
    [...names]
      .filter((name) => !MEASURE.test(name) && (IDENTITY.test(name) || !OTHER.test(name)))
      // A count or a time of day takes few values as well.
      .filter((name) => IDENTITY.test(name) || answers.every(({ headers }) => /[a-z]/i.test(headers.get(name) ?? 'a')))
      .map(
        (by): Candidate => ({
          by,
          trust: IDENTITY.test(by) ? 'named' : 'guessed',
          backendOf: ({ headers }) => printable(headers.get(by)),
        }),
      )
  )
}

function fromCookies(answers: readonly Answer[]): Candidate[] {
  const names = new Set(answers.flatMap(({ cookies }) => [...cookies.keys()]))
  return [...names].map((name) => ({
    by: `cookie ${name}`,
    trust: IDENTITY.test(name) ? ('named' as const) : ('guessed' as const),
    backendOf: ({ cookies }) => printable(cookies.get(name)),
  }))
}

function printable(value: string | undefined): string | undefined {
  return value !== undefined && PRINTABLE.test(value) ? value : undefined
}
