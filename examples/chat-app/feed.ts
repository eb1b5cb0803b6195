// A reader that does not read is let go when so many events wait for it. Its page connects again, and gets the state.
const MOST_WAITING = 2_000
const MOST_READERS = 8

type Reader = ReadableStreamDefaultController<Uint8Array>

/** Sends events to all pages of a user, as server-sent events. */
export class Feed<Event> {
  readonly #readers = new Set<Reader>()

  /** A new stream, which begins with this event. */
  open(first: Event): ReadableStream<Uint8Array> {
    const [oldest] = this.#readers
    if (oldest !== undefined && this.#readers.size === MOST_READERS) this.#drop(oldest)
    let opened: Reader | undefined
    return new ReadableStream<Uint8Array>(
      {
        start: (reader) => {
          opened = reader
          this.#readers.add(reader)
          reader.enqueue(written(first))
        },
        cancel: () => {
          if (opened !== undefined) this.#readers.delete(opened)
        },
      },
      new CountQueuingStrategy({ highWaterMark: MOST_WAITING }),
    )
  }

  publish(event: Event): void {
    const bytes = written(event)
    for (const reader of this.#readers) {
      if ((reader.desiredSize ?? 0) > 0) reader.enqueue(bytes)
      else this.#drop(reader)
    }
  }

  close(): void {
    for (const reader of this.#readers) this.#drop(reader)
  }

  #drop(reader: Reader): void {
    this.#readers.delete(reader)
    reader.close()
  }
}

const encoder = new TextEncoder()

const written = (event: unknown): Uint8Array => encoder.encode(`data: ${JSON.stringify(event)}\n\n`)
