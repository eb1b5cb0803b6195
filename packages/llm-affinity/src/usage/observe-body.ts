// Observes what the readers of a response read, on the same Response and the same stream. It reads nothing itself, so it
// requests no data and delays none.

/** Observes one reader of a body. It must not throw. */
export interface BodyObserver {
  /** Its reader waits for the next part of a stream. */
  asked?(): void
  /** The next part of a stream, just before its reader receives it and may change it. */
  part(value: unknown): void
  /** The whole body: text, bytes or parsed JSON. */
  whole(value: unknown): void
  /**
   * The end: for all readers, since the body was read to its end or broke off, or only for this one, which cancelled.
   *
   * @param error Why it broke off.
   */
  end(forAll: boolean, error?: unknown): void
  /** An observer of another reader of the same body: of a clone, or of the other branch of a tee. */
  clone(): BodyObserver
}

type Look = (returned: unknown, ...args: unknown[]) => unknown

/** Reports to `observer` everything that is read of this response from now on, through any of its methods. */
export function observeBody(response: object, observer: BodyObserver, tapped: WeakSet<object> = new WeakSet()): void {
  for (const name of ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text']) {
    tapPromise(response, name, observer, (value) => {
      observer.whole(value)
      observer.end(true)
    })
  }
  tapReturn(response, 'clone', (copy) => {
    observeBody(Object(copy), observer.clone(), tapped)
    return copy
  })
  // Only on access: on some runtimes, reading this property turns the body into a stream.
  const own = Object.getOwnPropertyDescriptor(response, 'body')
  const holder = own ? Object.defineProperty({}, 'body', own) : Object.getPrototypeOf(response)
  Reflect.defineProperty(response, 'body', {
    configurable: true,
    get() {
      const stream: unknown = Reflect.get(holder, 'body', response)
      if (isStream(stream)) observeStream(stream, observer, tapped)
      return stream
    },
  })
}

function observeStream(stream: ReadableStream, observer: BodyObserver, tapped: WeakSet<object>): void {
  if (tapped.has(stream)) return
  tapped.add(stream)
  const seesPart = (result: unknown): void => {
    const { done, value }: { done?: unknown; value?: unknown } = Object(result)
    if (done) observer.end(true)
    else observer.part(value)
  }
  const givesUp: Look = (returned) => {
    observer.end(false)
    return returned
  }
  tapReturn(stream, 'getReader', (reader) => {
    tapPromise(reader, 'read', observer, seesPart)
    tapReturn(reader, 'cancel', givesUp)
    return reader
  })
  for (const name of ['values', Symbol.asyncIterator]) {
    tapReturn(stream, name, (iterator, options) => {
      tapPromise(iterator, 'next', observer, seesPart)
      if (!Object(options).preventCancel) tapReturn(iterator, 'return', givesUp)
      return iterator
    })
  }
  tapReturn(stream, 'cancel', (returned) => (stream.locked ? returned : givesUp(returned)))
  tapReturn(stream, 'tee', (branches) => {
    const [one, other]: readonly ReadableStream[] = Array.isArray(branches) ? branches : []
    if (one) observeStream(one, observer, tapped)
    if (other) observeStream(other, observer.clone(), tapped)
    return branches
  })
  for (const name of ['pipeTo', 'pipeThrough'] as const) {
    const pipe = stream[name]
    define(stream, name, (...args) => (stream.locked ? Reflect.apply(pipe, stream, args) : piped(stream, pipe, args)))
  }
}

// A pipe reads internally, where it cannot be observed. So it gets another stream, which reads this one only when it is read
// itself; except for the first part, since a body counts as used as soon as it is piped.
function piped(stream: ReadableStream, pipe: (...args: never[]) => unknown, args: unknown[]): unknown {
  const reader = stream.getReader()
  let first: ReturnType<typeof reader.read> | 'taken' | undefined
  const relay = new ReadableStream(
    {
      async pull(controller) {
        const reading = typeof first === 'object' ? first : reader.read()
        first = 'taken'
        const { done, value } = await reading
        if (!done) return controller.enqueue(value)
        reader.releaseLock()
        controller.close()
      },
      cancel: (reason) => reader.cancel(reason).finally(() => reader.releaseLock()),
    },
    { highWaterMark: 0 },
  )
  try {
    const returned: unknown = Reflect.apply(pipe, relay, args)
    return isPromise(returned) ? returned.finally(() => reader.releaseLock()) : returned
  } finally {
    // Only a pipe that was rejected leaves it unlocked.
    if (!relay.locked) reader.releaseLock()
    else if (first === undefined) {
      first = reader.read()
      first.catch(() => {})
    }
  }
}

/**
 * Calls `see` with the results of the promises that this method returns from now on. Every network chunk passes here. The
 * caller gets the derived promise, so that a rejection that it handles is not reported as unhandled.
 */
function tapPromise(on: unknown, name: PropertyKey, observer: BodyObserver, see: (value: unknown) => void): void {
  const method: unknown = Reflect.get(Object(on), name)
  if (typeof method !== 'function') return
  const passed = (value: unknown): unknown => {
    try {
      see(value)
    } catch {
      // For example a getter in the JSON of a mock.
      observer.end(true)
    }
    return value
  }
  const failed = (error: unknown): never => {
    observer.end(true, error)
    throw error
  }
  define(Object(on), name, function (this: unknown, ...args) {
    // How far a whole body has come cannot be observed.
    if (name === 'read' || name === 'next') observer.asked?.()
    const promise: unknown = Reflect.apply(method, this, args)
    return isPromise(promise) ? promise.then(passed, failed) : promise
  })
}

/** Passes what this method of this object returns from now on through `look`. */
function tapReturn(on: unknown, name: PropertyKey, look: Look): void {
  const method: unknown = Reflect.get(Object(on), name)
  if (typeof method !== 'function') return
  define(Object(on), name, function (this: unknown, ...args) {
    return look(Reflect.apply(method, this, args), ...args)
  })
}

function define(on: object, name: PropertyKey, value: (this: unknown, ...args: never[]) => unknown): void {
  Reflect.defineProperty(on, name, { value, configurable: true, writable: true })
}

// Not by `instanceof`: tests often run in another realm, which has another Promise.
function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function isStream(value: unknown): value is ReadableStream {
  return typeof value === 'object' && value !== null && 'getReader' in value && 'pipeTo' in value
}
