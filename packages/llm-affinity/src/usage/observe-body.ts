// Sees what the readers of a response read, in place: the same Response and the same stream, each part when it came. We
// read nothing ourselves, so nothing is fetched that nobody asked for, and nothing waits for us.

/** What is told of one reader of a body, on his way: it must not throw. */
export interface BodyObserver {
  /** The next part of a stream, just before its reader has it, who may do with it what he likes. */
  part(value: unknown): void
  /** All of it at once: text, bytes or parsed JSON. */
  whole(value: unknown): void
  /** There is no more: for nobody, since it was read to its end or broke off, or else for this one, who gave up. */
  end(forAll: boolean): void
  /** The watcher of one more reader of the same body: of a clone, or of the other branch of a tee. */
  clone(): BodyObserver
}

type Look = (returned: unknown, ...args: unknown[]) => unknown

/** Has `watcher` told of all that is read of this response from now on, by whichever of its methods. */
export function observeBody(response: object, watcher: BodyObserver, tapped: WeakSet<object> = new WeakSet()): void {
  for (const name of ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text']) {
    tapPromise(response, name, watcher, (value) => {
      watcher.whole(value)
      watcher.end(true)
    })
  }
  tapReturn(response, 'clone', (copy) => {
    observeBody(Object(copy), watcher.clone(), tapped)
    return copy
  })
  // Only when it is asked for: on some runtimes, to look at it is to turn it into a stream.
  const own = Object.getOwnPropertyDescriptor(response, 'body')
  const holder = own ? Object.defineProperty({}, 'body', own) : Object.getPrototypeOf(response)
  Reflect.defineProperty(response, 'body', {
    configurable: true,
    get() {
      const stream: unknown = Reflect.get(holder, 'body', response)
      if (isStream(stream)) observeStream(stream, watcher, tapped)
      return stream
    },
  })
}

function observeStream(stream: ReadableStream, watcher: BodyObserver, tapped: WeakSet<object>): void {
  if (tapped.has(stream)) return
  tapped.add(stream)
  const seesPart = (result: unknown): void => {
    const { done, value }: { done?: unknown; value?: unknown } = Object(result)
    if (done) watcher.end(true)
    else watcher.part(value)
  }
  const givesUp: Look = (returned) => {
    watcher.end(false)
    return returned
  }
  tapReturn(stream, 'getReader', (reader) => {
    tapPromise(reader, 'read', watcher, seesPart)
    tapReturn(reader, 'cancel', givesUp)
    return reader
  })
  for (const name of ['values', Symbol.asyncIterator]) {
    tapReturn(stream, name, (iterator, options) => {
      tapPromise(iterator, 'next', watcher, seesPart)
      if (!Object(options).preventCancel) tapReturn(iterator, 'return', givesUp)
      return iterator
    })
  }
  tapReturn(stream, 'cancel', (returned) => (stream.locked ? returned : givesUp(returned)))
  tapReturn(stream, 'tee', (branches) => {
    const [one, other]: readonly ReadableStream[] = Array.isArray(branches) ? branches : []
    if (one) observeStream(one, watcher, tapped)
    if (other) observeStream(other, watcher.clone(), tapped)
    return branches
  })
  for (const name of ['pipeTo', 'pipeThrough'] as const) {
    const pipe = stream[name]
    define(stream, name, (...args) => (stream.locked ? Reflect.apply(pipe, stream, args) : piped(stream, pipe, args)))
  }
}

// A pipe reads where nobody sees it. So it has another stream to read, which reads this one like anybody else, and no
// sooner than it is read itself; but for the first part, since a body counts as used as soon as it is piped.
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
    // Only a pipe that is refused leaves it unlocked.
    if (!relay.locked) reader.releaseLock()
    else if (first === undefined) {
      first = reader.read()
      first.catch(() => {})
    }
  }
}

/**
 * Has `see` see what the promises of this method give from now on. This is on the way of each network chunk. It makes a
 * new promise, and not one beside it: a failure that anybody handles is no unhandled rejection any more.
 */
function tapPromise(on: unknown, name: PropertyKey, watcher: BodyObserver, see: (value: unknown) => void): void {
  const method: unknown = Reflect.get(Object(on), name)
  if (typeof method !== 'function') return
  const passed = (value: unknown): unknown => {
    try {
      see(value)
    } catch {
      // Such as a getter of what a mock calls JSON.
      watcher.end(true)
    }
    return value
  }
  const failed = (error: unknown): never => {
    watcher.end(true)
    throw error
  }
  define(Object(on), name, function (this: unknown, ...args) {
    const promise: unknown = Reflect.apply(method, this, args)
    return isPromise(promise) ? promise.then(passed, failed) : promise
  })
}

/** Has `look` see what this method of this object returns from now on, and return it in its place. */
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

// Told by what they do: tests often run in a realm of their own, with a Promise of its own.
function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function isStream(value: unknown): value is ReadableStream {
  return typeof value === 'object' && value !== null && 'getReader' in value && 'pipeTo' in value
}
