import { chatPrompt, PrefixCache } from 'llm-affinity-testkit'
import type { Read } from './tap.ts'

/** Whose call it is. */
export interface Mark {
  readonly conversation: string
  /** The conversation's own calls are `main`; those beside it, such as for a title, are `side`. */
  readonly kind: 'main' | 'side'
  /** Counted from 1 within a conversation. */
  readonly turn: number
}

/** A marked call as a replica received it. One that a gateway or an SDK has tried again is there more than once. */
export interface Served extends Mark {
  readonly replica: string
  readonly promptTokens: number
  readonly cachedTokens: number
  /** Tokens of the prompt that one cache without limits, shared by all replicas, would have had. */
  readonly possible: number
}

/** Stands in the text of the call, the one thing that every gateway hands on. */
export function markOf({ conversation, kind, turn }: Mark): string {
  return `[${conversation} ${kind} ${turn}]`
}

/** What the replicas received, in order. */
export class Ledger {
  readonly #ideal: PrefixCache = new PrefixCache({ cacheTokens: Number.POSITIVE_INFINITY })
  #served: Served[] = []

  /** Takes a request in, if it is marked: gateways have some of their own, to see who is well. */
  enter({ replica, body, promptTokens, cachedTokens }: Read): void {
    const mark = lastMarkIn(body)
    if (mark === undefined) return
    const { model, tools, ...said } = JSON.parse(body)
    // As the ideal reads what the replica has read, a body that a gateway has written anew is no advantage to either. Some
    // also change the API: these are the fields of all three.
    const messages = [said.instructions, said.system, said.messages, said.input]
    const ideal = this.#ideal.read(chatPrompt({ tools, messages }), model)
    if (ideal.prompt !== promptTokens) {
      throw new Error(`${replica} has read ${promptTokens} tokens where the ideal cache has read ${ideal.prompt}`)
    }
    this.#served.push({ ...mark, replica, promptTokens, cachedTokens, possible: ideal.cached })
  }

  /** What has come since the last time. */
  take(): readonly Served[] {
    const taken = this.#served
    this.#served = []
    return taken
  }
}

// Those before it are of the turns that the call repeats.
function lastMarkIn(body: string): Mark | undefined {
  const [, conversation, kind, turn] = [...body.matchAll(/\[([\w-]+) (main|side) (\d+)\]/g)].at(-1) ?? []
  if (conversation === undefined) return undefined
  return { conversation, kind: kind === 'main' ? 'main' : 'side', turn: Number(turn) }
}
