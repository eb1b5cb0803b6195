import * as undici8 from 'undici'
import * as undici7 from 'undici7'
import { NAMES } from '../../support/wire.ts'
import { type CallShape, callOf, perform, type Result } from './call.ts'
import { type Fault, judge } from './judge.ts'
import type { Undici } from './neighbours.ts'
import { Random } from './random.ts'
import type { Origins, Servers } from './servers.ts'
import { build, type StackShape, shapeOf } from './stack.ts'
import { themes } from './themes.ts'

export const VERSIONS: Readonly<Record<string, Undici>> = { 7: undici7 as unknown as Undici, 8: undici8 }
const CALLS_PER_STACK = 24

export interface Found extends Fault {
  readonly stack: StackShape
  readonly call: CallShape | undefined
  /** The value of STACKS_REPLAY that plays it alone. */
  readonly replay: string
}

/** A stack and the calls that go through it at the same time, all from one seed. */
export class Batch {
  readonly shape: StackShape
  /** How many calls went through the stack that contains our interceptor. */
  played = 0
  readonly #seed: string
  readonly #u: Undici
  readonly #servers: Servers
  readonly #origins: Origins
  readonly #calls: (readonly [number, CallShape])[]

  /** @param seed `<any text>:<version>:<title of a theme>:<index>`, and `:<index of a call>` to play that one alone. */
  constructor(servers: Servers, seed: string) {
    const [text, version = '', title, index, only] = seed.split(':')
    const theme = themes.find((each) => each.title === title)
    const u = VERSIONS[version]
    if (u === undefined || theme === undefined) throw new Error(`not a seed: ${seed}`)
    this.#seed = [text, version, title, index].join(':')
    const random = new Random(this.#seed)
    this.#u = u
    this.#servers = servers
    this.shape = shapeOf(random, theme)
    const isNamed = { home: random.chance(70), other: random.chance(70), foreign: random.chance(70) }
    this.#origins = servers.origins(this.shape.scheme, (server) => isNamed[server])
    this.#calls = Array.from({ length: CALLS_PER_STACK }, (_, i) => [i, callOf(random, this.shape)] as const).filter(
      ([i]) => only === undefined || i === Number(only),
    )
  }

  /** Plays the calls through the stack with our interceptor and without it, and returns the faults. */
  async play(): Promise<Found[]> {
    const { arrivals, passes, tunnels } = this.#servers
    const first = this.#servers.forget()
    const ours = await this.#through('o', first)
    const bare = await this.#through('b', first)
    const found: Found[] = this.#calls.flatMap(([i, call]) => {
      const received = (id: string) => arrivals.filter((arrival) => arrival.call === id)
      const faults = judge({
        stack: this.shape,
        call,
        origins: this.#origins,
        results: { ours: ours.get(i) ?? [], bare: bare.get(i) ?? [] },
        arrivals: { ours: received(`o${first + i}`), bare: received(`b${first + i}`) },
        passes: passes.filter((pass) => pass.call === `o${first + i}`),
      })
      return faults.map((fault) => ({ ...fault, stack: this.shape, call, replay: `${this.#seed}:${i}` }))
    })
    const keyed = tunnels.filter((headers) => headers.some((name) => NAMES.includes(name.toLowerCase())))
    for (const headers of keyed) {
      const detail = `CONNECT to the proxy: ${headers.join(' ')}`
      found.push({ kind: 'key at a foreign origin', detail, stack: this.shape, call: undefined, replay: this.#seed })
    }
    this.played = [...ours.values()].flat().length
    return found
  }

  /** What passed and arrived, for a person who replays it. */
  transcript(): string {
    const { passes, arrivals } = this.#servers
    const lines = [...passes, ...arrivals].toSorted((a, b) => a.at - b.at).map((each) => JSON.stringify(each))
    return [JSON.stringify(this.shape), ...this.#calls.map((call) => JSON.stringify(call)), ...lines].join('\n')
  }

  // With our interceptor, or bare.
  async #through(prefix: 'o' | 'b', first: number): Promise<Map<number, Result[]>> {
    const { global } = this.shape
    const u = this.#u
    const { dispatcher, close } = build(u, this.shape, this.#origins, this.#servers, prefix === 'o')
    const before = u.getGlobalDispatcher()
    if (global) u.setGlobalDispatcher(dispatcher)
    try {
      const results = await Promise.all(
        this.#calls.map(async ([i, call]) => {
          const id = `${prefix}${first + i}`
          this.#servers.scripts.set(id, { script: call.script, origins: this.#origins })
          const url = `${this.#origins[call.script.steps[0]?.at ?? 'home']}/${id}/0/${call.session}`
          return [i, await perform(u, dispatcher, url, call, global)] as const
        }),
      )
      // A cache revalidates in the background after it has answered.
      if (this.shape.order.includes('cache')) await this.#quiet()
      return new Map(results)
    } finally {
      if (global) u.setGlobalDispatcher(before)
      await close()
    }
  }

  // Counts turns of the event loop as well as time, since a process that waits for a CPU core makes no progress.
  async #quiet(): Promise<void> {
    const { arrivals } = this.#servers
    for (let turns = 0, before = arrivals.length; turns < 10; turns++) {
      await new Promise((resolve) => setTimeout(resolve, 3))
      if (arrivals.length !== before) turns = 0
      before = arrivals.length
    }
  }
}
