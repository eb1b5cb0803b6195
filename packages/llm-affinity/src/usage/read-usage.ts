import { type BodyObserver, observeBody } from './observe-body.js'
import { HEAD, TAIL, type Usage, usageIn, usageInText } from './parse-usage.js'

/**
 * Reads the token usage of an answer of OpenAI's Chat Completions or Responses, Anthropic's Messages, or an API with one of
 * these formats; plain, or streamed as server-sent events.
 *
 * It does not read the body itself. It observes what the caller reads, when the caller reads it. So call it before the body is
 * read, for example in `onOutcome`.
 *
 * @returns A promise that settles when the body was read to its end, was cancelled, or broke off. It never rejects. It stays
 *   pending if the body is not read, or only by the platform itself, as in `new Response(response.body)`. Undefined if the API
 *   did not report usage (OpenAI's streams need `stream_options: { include_usage: true }`), or the body was read before.
 *
 * @example
 * withAffinity(client, { onOutcome: async ({ result }, response) => console.log(result, response && (await readUsage(response))) })
 */
export function readUsage(response: Response): Promise<Usage | undefined> {
  const known = readings.get(response)
  if (known !== undefined) return known
  const reading = new Promise<Usage | undefined>((resolve) => {
    // An SDK does not read the body of a 204.
    if (response.bodyUsed || response.status === 204) resolve(undefined)
    else observeBody(response, observerFor(resolve))
  })
  readings.set(response, reading)
  return reading
}

// A second call for the same response returns the same promise, and observes nothing twice.
const readings = new WeakMap<Response, Promise<Usage | undefined>>()

function observerFor(resolve: (usage: Usage | undefined) => void): BodyObserver {
  let readers = 0
  const another = (): BodyObserver => {
    let ends: BodyEnds | undefined = new BodyEnds()
    readers++
    return {
      part(value) {
        const bytes = bytesOf(value)
        if (bytes !== undefined) ends?.add(bytes)
      },
      whole(value) {
        if (typeof value === 'string') resolve(usageInText(value))
        else if (bytesOf(value) === undefined) resolve(usageIn(value))
        else this.part(value)
      },
      end(forAll) {
        if (ends === undefined) return
        const usage = usageInText(ends.text())
        ends = undefined
        readers--
        if (forAll || usage !== undefined || readers === 0) resolve(usage)
      },
      clone: another,
    }
  }
  return another()
}

/** The beginning and the end of a body, where APIs report usage. A copy, since the reader may overwrite its buffers. */
export class BodyEnds {
  #kept = new Uint8Array(0)
  #length = 0
  #hasGap = false

  add(bytes: Uint8Array): void {
    if (bytes.length <= TAIL) {
      this.#keep(bytes)
      return
    }
    const head = Math.max(0, HEAD - this.#length)
    const tail = Math.max(head, bytes.length - TAIL)
    this.#keep(bytes.subarray(0, head))
    this.#hasGap ||= tail > head || this.#length > HEAD
    this.#length = HEAD
    this.#keep(bytes.subarray(tail))
  }

  #keep(bytes: Uint8Array): void {
    if (this.#length + bytes.length > HEAD + 2 * TAIL) {
      this.#kept.copyWithin(HEAD, this.#length - TAIL, this.#length)
      this.#length = HEAD + TAIL
      this.#hasGap = true
    }
    const length = this.#length + bytes.length
    if (length > this.#kept.length) {
      const wider = new Uint8Array(Math.min(2 * length, HEAD + 2 * TAIL))
      wider.set(this.#kept)
      this.#kept = wider
    }
    this.#kept.set(bytes, this.#length)
    this.#length = length
  }

  text(): string {
    const text = (from: number, to: number): string => new TextDecoder().decode(this.#kept.subarray(from, to))
    return this.#hasGap ? `${text(0, HEAD)}\n${text(HEAD, this.#length)}` : text(0, this.#length)
  }
}

export function bytesOf(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  return value instanceof ArrayBuffer ? new Uint8Array(value) : undefined
}
