import type { Session } from '../session/session.js'
import type { ExtensionRequest, Target } from '../stamping/extension.js'
import { readResponseHeader } from '../stamping/request-headers.js'
import { parseUrl } from '../util/url.js'
import { type Conversation, type Place, setHanded } from './conversation.js'
import { cookiesSet, type Handed, isFor, isToken } from './cookies.js'
import { isAbort, type StallTimer, stallTimer, watchBody } from './failures.js'
import { type GiveBack, giveBack, removeGivenBack, withGivenBack } from './give-back.js'
import { countAnswer, countFailure, type RepinPolicy } from './repin.js'
import type { Rules } from './rules.js'

/** What a request needs of its LearnedState. */
export interface Learner {
  readonly rules: Rules
  readonly repin: RepinPolicy | undefined
  /** The conversation has changed. */
  changed(session: Session, of: Conversation): void
}

const COOKIE = 'cookie:'
const REFUSED = [401, 403]
const GATEWAY_FAILED = [502, 503, 504]

/** One request of a conversation. */
export class LearnedRequest implements ExtensionRequest {
  readonly #learner: Learner
  readonly #session: Session
  readonly #of: Conversation
  readonly #place: Place
  readonly #moves: number
  readonly #given: GiveBack
  /** What is given back here, by name. */
  readonly #values = new Map<string, string>()
  readonly #begin: () => (() => void) | undefined
  #settle: (() => void) | undefined
  /** Whether it is a request of undici or `node:http`, whose errors are told apart by their codes. */
  #isRaw = false
  readonly #stalled = new AbortController()
  #timer: StallTimer | undefined
  #signal: AbortSignal | null | undefined
  readonly #origin: string
  /** Whether it turned out to go to another origin. */
  #isElsewhere = false
  #isJudged = false

  /** @param begin Called when it is about to be sent. Returns what to call once there is an answer, or none will come. */
  constructor(
    learner: Learner,
    session: Session,
    of: Conversation,
    place: Place,
    { path, origin }: Target,
    begin: () => (() => void) | undefined,
  ) {
    this.#learner = learner
    this.#session = session
    this.#of = of
    this.#place = place
    this.#moves = of.moves
    this.#begin = begin
    this.#origin = origin
    const now = Date.now()
    const headers: (readonly [string, string])[] = []
    const cookies: string[] = []
    for (const { from, to = from, first } of learner.rules.headers) {
      const value = place.handed.get(from)?.value
      if (value !== undefined) this.#values.set(from, value)
      if (value !== undefined || first !== undefined) headers.push([to, value ?? String(first)])
    }
    for (const name of learner.rules.cookies) {
      const handed = place.handed.get(COOKIE + name)
      if (handed === undefined || !isFor(handed, path, now)) continue
      this.#values.set(COOKIE + name, handed.value)
      cookies.push(`${name}=${handed.value}`)
    }
    this.#given = { headers, cookies }
  }

  write(init: RequestInit, request?: Request): RequestInit {
    this.#signal = init.signal ?? request?.signal
    const all: RequestInit = { ...init }
    const headers = withGivenBack(init.headers ?? request?.headers, this.#given)
    if (headers !== undefined && headers !== init.headers && headers !== request?.headers) all.headers = headers
    if (this.#learner.repin?.abortOnStall) {
      const { signal } = this.#stalled
      all.signal = this.#signal ? AbortSignal.any([this.#signal, signal]) : signal
    }
    this.#startTimer()
    this.#settle = this.#begin()
    return all
  }

  writeHeaders(get: (name: string) => unknown, set: (name: string, value: string) => void): void {
    giveBack(this.#given, get, set)
    this.#isRaw = true
    this.#settle = this.#begin()
  }

  removeFrom(headers: unknown[]): void {
    this.#isElsewhere = true
    removeGivenBack(headers, this.#given)
  }

  answered(status: number, headers: unknown, response?: Response): void {
    this.#timer?.stop()
    // Some fetch below may have sent it elsewhere.
    const url = response?.url ? parseUrl(response.url) : null
    if (url !== null && url.origin !== this.#origin) this.#isElsewhere = true
    try {
      // Answers of another origin, and to requests that were sent before a move, are ignored.
      if (!this.#isElsewhere && this.#isCurrent) {
        this.#learn(status, headers)
        this.#place.isAnswered = true
      }
    } finally {
      this.#settle?.()
    }
    if (this.#isElsewhere) return
    const { repin } = this.#learner
    if (repin === undefined || REFUSED.includes(status)) return
    if (status === 429 || status >= 500) this.#judge(true)
    else if (response === undefined || status >= 400) this.#judge(false)
    else watchBody(response, (isFailed) => this.#judge(isFailed), this.#stall)
  }

  // Also where a redirect was followed: its last request is another one.
  ended(): void {
    this.#timer?.stop()
    this.#settle?.()
  }

  failed(error: unknown): void {
    this.ended()
    // A caller may abort with any reason, which has no code.
    const isCallers = isAbort(error) || this.#signal?.aborted || (this.#isRaw && typeof Object(error).code !== 'string')
    if (this.#isElsewhere || isCallers) return
    this.#judge(true)
  }

  get #isCurrent(): boolean {
    return this.#of.moves === this.#moves
  }

  get #stall(): { readonly afterMs: number; readonly onStall: () => void } | undefined {
    const { stallMs } = this.#learner.repin ?? {}
    return stallMs === undefined ? undefined : { afterMs: stallMs, onStall: () => this.#abort(stallMs) }
  }

  // Until the headers of the answer.
  #startTimer(): void {
    const stall = this.#stall
    if (stall === undefined) return
    this.#timer = stallTimer(stall.afterMs, () => {
      this.#judge(true)
      stall.onStall()
    })
  }

  #abort(stallMs: number): void {
    if (!this.#learner.repin?.abortOnStall) return
    const seconds = stallMs / 1000
    this.#stalled.abort(
      new DOMException(`The backend sent no data for ${seconds} s, the \`stallMs\` of llm-affinity`, 'TimeoutError'),
    )
  }

  #learn(status: number, headers: unknown): void {
    const { rules } = this.#learner
    const before = snapshot(this.#place)
    const now = Date.now()
    if (REFUSED.includes(status) || GATEWAY_FAILED.includes(status)) this.#forgetGiven()
    for (const { from, closedBy } of rules.headers) {
      if (closedBy !== undefined && readHeader(headers, closedBy) !== undefined) this.#place.handed.delete(from)
      const value = readHeader(headers, from)
      if (isToken(value) && !REFUSED.includes(status)) setHanded(this.#place, from, { value, at: now })
    }
    for (const { name, handed } of cookiesSet(headers, rules.cookies, now)) this.#setCookie(name, handed)
    if (snapshot(this.#place) !== before) this.#learner.changed(this.#session, this.#of)
  }

  #setCookie(name: string, handed: Handed | undefined): void {
    if (handed === undefined) this.#place.handed.delete(COOKIE + name)
    else setHanded(this.#place, COOKIE + name, handed)
  }

  /** Drops what this request gave back, unless an answer has replaced it since. */
  #forgetGiven(): void {
    const { handed } = this.#place
    for (const [name, value] of this.#values) if (handed.get(name)?.value === value) handed.delete(name)
  }

  #judge(isFailed: boolean): void {
    const { repin } = this.#learner
    // A call that its caller aborted has not failed. The reason may be any error.
    const isGivenUp = isFailed && this.#signal?.aborted === true
    if (repin === undefined || isGivenUp || this.#isJudged || !this.#isCurrent) return
    this.#isJudged = true
    if (!isFailed) countAnswer(this.#of, this.#place)
    else if (countFailure(this.#of, this.#place, repin, Date.now())) {
      this.#learner.changed(this.#session, this.#of)
    }
  }
}

function readHeader(headers: unknown, name: string): unknown {
  const { get }: { get?: unknown } = Object(headers)
  if (typeof get === 'function') return Reflect.apply(get, headers, [name]) ?? undefined
  return readResponseHeader(headers, name)
}

// A cookie may come again in every answer, with a later time: to the minute.
function snapshot({ handed }: Place): string {
  const minutes = (until = 0): number => Math.round(until / 60_000)
  return JSON.stringify([...handed].map(([name, { value, path, until }]) => [name, value, path, minutes(until)]))
}
