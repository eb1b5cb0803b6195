import type { IncomingMessage } from 'node:http'

/** One request as it arrived, not normalised. */
export interface RecordedRequest {
  readonly method: string
  /** Path and query, as received. */
  readonly path: string
  /** Names and values as received: in order, in their letter case, with repetitions. */
  readonly rawHeaders: readonly (readonly [name: string, value: string])[]
  /** The value of a header; the name is matched in any letter case. Repeated headers are joined by `, `. */
  header(name: string): string | undefined
  readonly body: Uint8Array
  /** The body as UTF-8. */
  text(): string
  /** The body parsed as JSON. Throws a SyntaxError if it is not JSON. */
  json(): unknown
  /** The number of its socket, counted from 1. Equal numbers show that a socket was reused. */
  readonly connection: number
  /** The time at which its last byte arrived, in milliseconds of `performance.now()`. */
  readonly at: number
}

/** Makes the pairs of `rawHeaders` on demand: a soak test keeps a hundred thousand of these. */
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
