// Sees what the reader of a response reads, in place: the same Response and the same stream, each byte when it came. We
// read nothing ourselves, so nothing is fetched that nobody asked for, and nothing waits for us.

/** What is told of a body. */
export interface Watcher {
  /** A chunk, or the whole of it, just before its reader has it: bytes, text, or parsed JSON. */
  saw(part: unknown): void
  /** There is no more: it was read to its end, given up, or broke off. May come more than once. */
  ended(): void
}

/** Has `watcher` told of all that is read of this response from now on, by whichever of its methods. */
export function tap(response: Response, watcher: Watcher): void {
  for (const name of ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const) {
    const read: unknown = Reflect.get(response, name)
    if (typeof read !== 'function') continue
    put(response, name, () => {
      const whole: Promise<unknown> = Reflect.apply(read, response, [])
      return whole.then(
        (value) => {
          watcher.saw(value)
          watcher.ended()
          return value
        },
        (error) => {
          watcher.ended()
          throw error
        },
      )
    })
  }
  // Only when it is asked for: on some runtimes, to look at it is to turn it into a stream.
  const tapped = new WeakSet<ReadableStream>()
  const prototype = Object.getPrototypeOf(response)
  Object.defineProperty(response, 'body', {
    configurable: true,
    get() {
      const stream: ReadableStream | null = Reflect.get(prototype, 'body', response)
      if (stream !== null && !tapped.has(stream)) {
        tapped.add(stream)
        tapStream(stream, watcher)
      }
      return stream
    },
  })
}

function tapStream(stream: ReadableStream, watcher: Watcher): void {
  const { getReader, pipeThrough, pipeTo, tee, cancel } = stream
  const open = (...options: unknown[]): ReadableStreamDefaultReader<unknown> =>
    Reflect.apply(getReader, stream, options)
  const saw = <Result extends { readonly done: boolean; readonly value?: unknown }>(result: Result): Result => {
    if (result.done) watcher.ended()
    else watcher.saw(result.value)
    return result
  }
  const failed = (error: unknown): never => {
    watcher.ended()
    throw error
  }

  function readerOf(...options: unknown[]): object {
    const reader = open(...options)
    const { read, cancel: giveUp } = reader
    put(reader, 'read', (...args) => Reflect.apply(read, reader, args).then(saw, failed))
    put(reader, 'cancel', (...args) => {
      watcher.ended()
      return Reflect.apply(giveUp, reader, args)
    })
    return reader
  }

  // As the streams standard has it, with one promise a chunk as the platform's own.
  function values({ preventCancel = false } = {}): AsyncIterableIterator<unknown> {
    const reader = open()
    let isDone = false
    const finish = (): void => {
      if (!isDone) reader.releaseLock()
      isDone = true
      watcher.ended()
    }
    return {
      next: () =>
        isDone
          ? Promise.resolve({ done: true, value: undefined })
          : reader.read().then(
              (result) => {
                if (result.done) finish()
                else watcher.saw(result.value)
                return result
              },
              (error) => {
                finish()
                throw error
              },
            ),
      async return(value?: unknown) {
        const given = isDone || preventCancel ? undefined : reader.cancel(value)
        finish()
        await given
        return { done: true, value }
      },
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }

  // A pipe reads where nobody sees it, so one more stands before it.
  function passing(): ReadableWritablePair {
    return new TransformStream({
      transform: (chunk, controller) => {
        watcher.saw(chunk)
        controller.enqueue(chunk)
      },
      flush: () => watcher.ended(),
    })
  }

  put(stream, 'getReader', readerOf)
  put(stream, 'values', values)
  put(stream, Symbol.asyncIterator, values)
  put(stream, 'pipeThrough', (...args) =>
    Reflect.apply(pipeThrough, Reflect.apply(pipeThrough, stream, [passing()]), args),
  )
  put(stream, 'pipeTo', (...args) => Reflect.apply(pipeTo, Reflect.apply(pipeThrough, stream, [passing()]), args))
  put(stream, 'tee', () => {
    const [one, other] = Reflect.apply(tee, stream, [])
    tapStream(one, watcher)
    return [one, other]
  })
  put(stream, 'cancel', (...args) => {
    watcher.ended()
    return Reflect.apply(cancel, stream, args)
  })
}

function put(on: object, name: PropertyKey, value: (...args: never[]) => unknown): void {
  Object.defineProperty(on, name, { value, configurable: true, writable: true })
}
