import { isCount } from '../session/state.js'
import { type Handed, isToken } from './cookies.js'

// A conversation rarely speaks to more than two. The one that was used longest ago is dropped.
const MAX_PLACES = 16
const MAX_HANDED = 16
const MAX_NAME = 300

/** The learned state of one conversation as plain data. It contains what gateways handed out: addresses of backends, mostly. */
export interface ConversationState {
  /** How often the epoch was changed here. Of two states, the one with more moves is newer. */
  readonly moves: number
  readonly epoch: number
  /** The epoch to go back to. */
  readonly home?: number
  readonly movedAt?: number
  /** By place, then by the name of a header, or of a cookie after `cookie:`. */
  readonly places: Readonly<Record<string, Readonly<Record<string, Handed>>>>
}

/** What a conversation has learned at one origin, or at one origin for one model. */
export class Place {
  readonly handed: Map<string, Handed> = new Map()
  /** Settles when the first call has its answer. Undefined if no first call is under way. */
  first: Promise<void> | undefined
  isAnswered = false
  failures = 0
}

/** The learned state of one conversation, in this process. */
export class Conversation {
  moves = 0
  epoch = 0
  home: number | undefined
  movedAt: number | undefined
  /** The last epoch with an answer, and how many moves there were without one since. */
  good: number | undefined
  barren = 0
  usedAt = 0
  readAt: number = Number.NEGATIVE_INFINITY
  reading: Promise<void> | undefined
  writtenAt: number | undefined
  readonly #places = new Map<string, Place>()

  place(name: string): Place {
    const place = this.#places.get(name) ?? new Place()
    this.#places.delete(name)
    this.#places.set(name, place)
    const [oldest] = this.#places.size > MAX_PLACES ? this.#places.keys() : []
    if (oldest !== undefined) this.#places.delete(oldest)
    return place
  }

  /** Places with something to give back, by name. */
  get places(): ReadonlyMap<string, Place> {
    return this.#places
  }

  /** Goes to another epoch, where nothing is known yet. */
  move(epoch: number): void {
    this.moves++
    this.epoch = epoch
    this.forget()
  }

  /** Drops what was handed out. */
  forget(): void {
    for (const place of this.#places.values()) {
      place.handed.clear()
      place.failures = 0
      place.isAnswered = false
    }
  }

  toJSON(): ConversationState {
    const places: Record<string, Record<string, Handed>> = {}
    for (const [name, { handed }] of this.#places) if (handed.size > 0) places[name] = Object.fromEntries(handed)
    const { moves, epoch, home, movedAt } = this
    return { moves, epoch, ...(home !== undefined && { home }), ...(movedAt !== undefined && { movedAt }), places }
  }

  /**
   * Takes over what is newer in a state from elsewhere, which may be anything.
   *
   * @returns Whether the other state lacks something that is known here.
   */
  merge(state: unknown): boolean {
    const other: Partial<ConversationState> = Object(state)
    if (!isSmall(other.moves) || !isSmall(other.epoch)) return this.moves > 0 || this.#hasAny()
    const moves = Number(other.moves)
    if (moves < this.moves) return true
    if (moves > this.moves) {
      this.move(Number(other.epoch))
      this.moves = moves
      this.home = isSmall(other.home) ? other.home : undefined
      this.movedAt = typeof other.movedAt === 'number' ? other.movedAt : undefined
    }
    let isAhead = false
    for (const [name, values] of Object.entries(Object(other.places)).slice(0, MAX_PLACES)) {
      if (name.length <= MAX_NAME) this.#mergePlace(name, Object(values))
    }
    for (const [name, { handed }] of this.#places) {
      const there: Readonly<Record<string, Handed>> = Object(Object(other.places)[name])
      isAhead ||= [...handed].some(([each, { value }]) => Object(there[each]).value !== value)
    }
    return isAhead
  }

  #mergePlace(name: string, values: Readonly<Record<string, unknown>>): void {
    const place = this.place(name)
    for (const [each, value] of Object.entries(values).slice(0, MAX_HANDED)) {
      const handed = each.length <= MAX_NAME ? sound(value) : undefined
      if (handed !== undefined && handed.at > (place.handed.get(each)?.at ?? Number.NEGATIVE_INFINITY)) {
        setHanded(place, each, handed)
      }
    }
  }

  #hasAny(): boolean {
    return [...this.#places.values()].some(({ handed }) => handed.size > 0)
  }
}

/** Sets what was handed out under a name. Beyond the bound, a new name is not learned. */
export function setHanded({ handed }: Place, name: string, value: Handed): void {
  if (handed.has(name) || handed.size < MAX_HANDED) handed.set(name, value)
}

// No conversation moves a billion times, and a state may be forged.
function isSmall(value: unknown): boolean {
  return isCount(value) && Number(value) <= 1e9
}

function sound(value: unknown): Handed | undefined {
  const { value: text, at, until, path }: Partial<Handed> = Object(value)
  if (!isToken(text) || typeof at !== 'number' || !Number.isFinite(at)) return undefined
  return {
    value: text,
    at,
    ...(typeof until === 'number' && { until }),
    ...(typeof path === 'string' && path.length <= MAX_NAME && { path }),
  }
}
