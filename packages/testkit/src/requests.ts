import type { IncomingMessage } from 'node:http'

/** One request as it arrived. Nothing in it is normalised: what it says is what was on the wire. */
export interface RecordedRequest {
  readonly method: string
  /** Path and query, as received. */
  readonly path: string
  /** As received, in order, letter case kept, repeated ones repeated. */
  readonly rawHeaders: readonly (readonly [name: string, value: string])[]
  /** The value of a header, its name in any letter case; several are joined by `, `. */
  header(name: string): string | undefined
  readonly body: Uint8Array
  /** The body as UTF-8. */
  text(): string
  /** The body as JSON. Throws a SyntaxError when it is none. */
  json(): unknown
  /** The number of the socket on which it came, counted from 1: equal numbers show that a socket was used again. */
  readonly connection: number
  /** When its last byte arrived, in the milliseconds of `performance.now()`. */
  readonly at: number
}

/** A class, and pairs only when asked for: a soak test keeps a hundred thousand of these. */
export class Recorded implements RecordedRequest {
  readonly method: string
  readonly path: string
  readonly body: Uint8Array
  readonly connection: number
  readonly at: number = performance.now()
  readonly #flat: readonly string[]

  constructor(incoming: IncomingMessage, body: Uint8Array, connection: number) {
    this.method = incoming.method ?? ''
    this.path = incoming.url ?? ''
    this.body = body
    this.connection = connection
    this.#flat = incoming.rawHeaders
  }

  get rawHeaders(): readonly (readonly [name: string, value: string])[] {
    const pairs: [string, string][] = []
    for (let at = 0; at < this.#flat.length; at += 2) pairs.push([this.#flat[at] ?? '', this.#flat[at + 1] ?? ''])
    return pairs
  }

  header(name: string): string | undefined {
    const wanted = name.toLowerCase()
    const values = this.rawHeaders.filter(([candidate]) => candidate.toLowerCase() === wanted)
    return values.length === 0 ? undefined : values.map(([, value]) => value).join(', ')
  }

  text(): string {
    return new TextDecoder().decode(this.body)
  }

  json(): unknown {
    return JSON.parse(this.text())
  }
}
