import { nameOf } from '../session/name.js'
import { activeScope } from '../session/scope.js'
import { isSession, type Session } from '../session/session.js'
import type { Extension, ExtensionRequest, Target, Targeting } from '../stamping/extension.js'
import { modelOf } from '../stamping/json-field.js'
import { expected, kind, quoted } from '../util/errors.js'
import { warnOnce } from '../util/warn.js'
import type { Conversation, Place } from './conversation.js'
import { begin, isInCall, within } from './first-turn.js'
import { LearnedRequest, type Learner } from './learned-request.js'
import { type LearnedStateOptions, type Settings, settingsOf } from './options.js'
import { Registry } from './registry.js'
import { type RepinPolicy, returnHome } from './repin.js'
import { FAILS_OVER, ISSUERS, type Rules } from './rules.js'
import { Sharing } from './store.js'

/** What is known of a session: names only, since the values hold addresses of backends. */
export interface LearnedFigures {
  /** How often the session was moved, by the application or by `repin`. */
  readonly moves: number
  /** By origin, and model where the gateway pins per model: the names of what is given back, cookies as `cookie:NAME`. */
  readonly places: Readonly<Record<string, readonly string[]>>
}

// A session object that stays is read again from the store after this many milliseconds.
const STALE_MS = 1000

/**
 * Learned state: what answers hand out for a session is given back with its next calls, and a session leaves a backend that
 * fails. Make one for the process and pass it to each integration, in `use`.
 *
 * - Headers and cookies are named, by you or by `issuer`, and never guessed. They are kept per session and origin (and model,
 *   where the gateway pins per model), and go back to that exact origin only. A re-pinned session starts anew.
 * - Kept in memory for `maxSessions`, each for `idleMs` after its last call. A Session of the same id finds them again;
 *   `Session.toJSON` and `from` carry them.
 * - A value is dropped after a 401 or 403; after a 502, 503 or 504, since it may lead to a dead backend, and some gateways
 *   never replace it; and when it expires. A lost connection is one to the gateway, and drops nothing.
 * - It never throws into a call and sends nothing itself.
 *
 * @throws TypeError if an option is wrong.
 *
 * @example
 * const learned = new LearnedState({ cookies: ['ROUTEID'], repin: { after: 2 } })
 * const openai = withAffinity(new OpenAI({ baseURL: 'http://gateway:4000/v1' }), { use: learned })
 */
export class LearnedState implements Extension {
  readonly #settings: Settings
  readonly #registry: Registry
  readonly #sharing: Sharing | undefined
  /** Places whose first call is about to be made, with the function that lets the others go. */
  readonly #claims = new WeakMap<Place, () => void>()

  constructor(options: LearnedStateOptions = {}) {
    const settings = settingsOf(options)
    this.#settings = settings
    this.#registry = new Registry(settings.maxSessions, settings.idleMs)
    const { store, storeWaitMs, idleMs } = settings
    this.#sharing = store && new Sharing(store, storeWaitMs, idleMs)
  }

  /** How many sessions are remembered. */
  get size(): number {
    return this.#registry.size
  }

  /** What is known of a session; undefined if nothing is. */
  get(session: Session): LearnedFigures | undefined {
    const of = this.#registry.peek(checked(session))
    if (of === undefined) return undefined
    const places = [...of.places].map(([name, { handed }]) => [name, [...handed.keys()]] as const)
    return { moves: of.moves, places: Object.fromEntries(places.filter(([, names]) => names.length > 0)) }
  }

  /** Drops what was learned for a session, in the store too. */
  async end(session: Session): Promise<void> {
    const name = nameOf(checked(session))
    this.#registry.drop(session)
    await this.#sharing?.delete(name)
  }

  readonly accepts = (gateway: string | undefined): void => {
    if (this.#settings.repin !== undefined && this.#repinAt(gateway) === undefined) {
      throw expected(
        `\`repin\` only with a gateway that does not fail over itself`,
        quoted(gateway),
        'Leave it to the gateway, or write repin: { …, evenWithFailover: true }',
      )
    }
  }

  readonly ready = (
    to: Targeting,
    [input, init]: readonly [input: unknown, init?: RequestInit | undefined],
  ): Promise<unknown> | undefined => {
    try {
      const scope = activeScope(to.session)
      // Side calls have nothing to wait for, and a call that passes several integrations must not wait for itself.
      if (!isSession(scope) || scope.key === '' || isInCall()) return undefined
      const { url = String(input), signal }: { url?: string; signal?: AbortSignal } = Object(input)
      const target = to.targetFor(url)
      if (target === undefined) return undefined
      const isRead = this.#registry.has(scope)
      const of = this.#registry.of(scope)
      const isOld = !isRead || performance.now() - of.readAt > STALE_MS
      const isStale = of.reading !== undefined || (this.#sharing !== undefined && isOld)
      if (!isStale && this.#place(of, target, init?.body).first === undefined) return undefined
      return this.#wait(scope, of, target, init?.body, isStale, init?.signal ?? signal)
    } catch {
      warnOnce(FAULT)
      return undefined
    }
  }

  readonly request = (session: Session, target: Target, body: unknown): ExtensionRequest | undefined => {
    const of = this.#registry.of(session)
    const repin = this.#repinAt(target.gateway.name)
    const now = Date.now()
    if (repin !== undefined && returnHome(of, repin, now)) this.#changed(session, of)
    // So that it lives as long in the store as here.
    else if (of.writtenAt !== undefined && now - of.writtenAt > this.#settings.idleMs / 2) this.#changed(session, of)
    const rules = this.#rulesFor(target)
    const place = this.#place(of, target, body)
    const learner: Learner = {
      rules,
      repin,
      changed: (moved, conversation) => this.#changed(moved, conversation),
    }
    return new LearnedRequest(learner, session, of, place, target, () => this.#firstOf(place, rules))
  }

  /** The failure policy at a gateway; undefined where the gateway fails over itself, unless both are wanted. */
  #repinAt(gateway: string | undefined): RepinPolicy | undefined {
    const { repin } = this.#settings
    const isTheirs = gateway !== undefined && FAILS_OVER.includes(gateway) && !repin?.evenWithFailover
    return isTheirs ? undefined : repin
  }

  /** The function that lets other calls go, if this call is the first one at a place that hands something out. */
  #firstOf(place: Place, rules: Rules): (() => void) | undefined {
    if (!this.#isFirst(place, rules)) return undefined
    const claimed = this.#claims.get(place)
    this.#claims.delete(place)
    return claimed ?? (place.first === undefined ? begin(place, this.#settings.firstTurnMs) : undefined)
  }

  async #wait(
    session: Session,
    of: Conversation,
    target: Target,
    body: unknown,
    isStale: boolean,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (isStale) await within(this.#read(session, of), this.#settings.storeWaitMs, signal)
    const place = this.#place(of, target, body)
    if (place.first !== undefined) return within(place.first, this.#settings.firstTurnMs, signal)
    if (!isStale || !this.#isFirst(place, this.#rulesFor(target))) return
    // Several calls may have waited for the store: this one goes first. If it is not stamped after all, the others go too.
    const settle = begin(place, this.#settings.firstTurnMs)
    this.#claims.set(place, settle)
    setTimeout(() => {
      if (this.#claims.get(place) !== settle) return
      this.#claims.delete(place)
      settle()
    }, 0)
  }

  #read(session: Session, of: Conversation): Promise<void> {
    of.readAt = performance.now()
    of.reading ??= (this.#sharing?.read(nameOf(session), of) ?? Promise.resolve()).finally(() => {
      of.reading = undefined
    })
    return of.reading
  }

  /** Whether other calls wait for the first answer at a place. */
  #isFirst({ isAnswered, handed }: Place, { headers, cookies }: Rules): boolean {
    return this.#settings.firstTurnMs > 0 && !isAnswered && handed.size === 0 && headers.length + cookies.length > 0
  }

  #rulesFor({ gateway }: Target): Rules {
    const known = Object.hasOwn(ISSUERS, gateway.name) ? ISSUERS[gateway.name as keyof typeof ISSUERS] : undefined
    const { headers, cookies } = this.#settings.rules
    if (known === undefined) return this.#settings.rules
    return { headers: [...headers, ...known.headers], cookies: [...new Set([...cookies, ...known.cookies])] }
  }

  #place(of: Conversation, { gateway, origin }: Target, body: unknown): Place {
    const model = gateway.pinsPerModel && typeof body === 'string' ? modelOf(body)?.slice(0, 128) : undefined
    return of.place(model === undefined ? origin : `${origin} ${model}`)
  }

  #changed(session: Session, of: Conversation): void {
    this.#registry.of(session)
    if (this.#sharing === undefined) return
    of.writtenAt = Date.now()
    this.#sharing.write(nameOf(session), of)
  }
}

const FAULT = 'a fault of its own kept learned state from a call'

function checked(session: Session): Session {
  if (!isSession(session)) throw expected('`session` to be a Session', kind(session))
  return session
}
