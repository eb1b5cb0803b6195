import { tap } from './tap.js'
import { type Usage, usageIn, usageInText } from './tokens.js'

const HEAD_BYTES = 16_384
const TAIL_BYTES = 65_536

/**
 * What an answer says of its prompt's tokens: of OpenAI's Chat and Responses, of Anthropic's Messages, and of who speaks
 * like them; plain, or streamed as server-sent events.
 *
 * It reads nothing itself. It sees what the reader of the response reads, in place, when he reads it: the same object,
 * the same bytes, no copy. So hand it the response before anybody reads it, as `onOutcome` does.
 *
 * @returns Settles when the body was read to its end, given up, or broke off; never, when nobody reads it. Undefined: the
 *   API did not say (OpenAI's streams only do with `stream_options: { include_usage: true }`), or the body was read before.
 *   It never rejects.
 *
 * @example
 * withAffinity(client, { onOutcome: async (outcome, response) => console.log(outcome.result, response && (await readUsage(response))) })
 */
export function readUsage(response: Response): Promise<Usage | undefined> {
  return new Promise((resolve) => {
    if (response.bodyUsed) {
      resolve(undefined)
      return
    }
    const ends = new Ends()
    let whole: Usage | undefined
    try {
      tap(response, {
        saw: (part) => {
          if (part instanceof Uint8Array) ends.add(part)
          else if (part instanceof ArrayBuffer) ends.add(new Uint8Array(part))
          else if (typeof part === 'string') whole = usageInText(endsOf(part))
          else whole = usageIn(part)
        },
        ended: () => resolve(whole ?? usageInText(ends.text())),
      })
    } catch {
      resolve(undefined)
    }
  })
}

/** What is kept of a body: its beginning and its end. Chunks are kept by reference, and let go again. */
class Ends {
  readonly #head: Uint8Array[] = []
  #headBytes = 0
  #tail: Uint8Array[] = []
  #tailBytes = 0
  #hasGap = false

  add(chunk: Uint8Array): void {
    if (this.#headBytes < HEAD_BYTES) {
      this.#head.push(chunk)
      this.#headBytes += chunk.length
      return
    }
    this.#tail.push(chunk)
    this.#tailBytes += chunk.length
    if (this.#tailBytes > 2 * TAIL_BYTES) this.#trim()
  }

  #trim(): void {
    let from = 0
    let kept = this.#tailBytes
    while (kept - (this.#tail[from]?.length ?? 0) >= TAIL_BYTES) {
      kept -= this.#tail[from]?.length ?? 0
      from++
    }
    this.#tail = this.#tail.slice(from)
    this.#tailBytes = kept
    this.#hasGap = true
  }

  text(): string {
    const head = decoded(this.#head)
    return this.#hasGap ? `${head}\n${decoded(this.#tail)}` : decoded([...this.#head, ...this.#tail])
  }
}

function decoded(chunks: readonly Uint8Array[]): string {
  const decoder = new TextDecoder()
  return chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join('')
}

function endsOf(text: string): string {
  return text.length <= HEAD_BYTES + TAIL_BYTES ? text : `${text.slice(0, HEAD_BYTES)}\n${text.slice(-TAIL_BYTES)}`
}
