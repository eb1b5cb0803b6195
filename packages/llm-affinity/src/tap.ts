// Sees what the readers of a response read, in place: the same Response and the same stream, each part when it came. We
// read nothing ourselves, so nothing is fetched that nobody asked for, and nothing waits for us.

/** What is told of one reader of a body, on his way: it must not throw. */
export interface Watcher {
  /** The next part of a stream, just before its reader has it, who may do with it what he likes. */
  part(value: unknown): void
  /** All of it at once: text, bytes or parsed JSON. */
  whole(value: unknown): void
  /** There is no more: for nobody, since it was read to its end or broke off, or else for this one, who gave up. */
  over(forAll: boolean): void
  /** The watcher of one more reader of the same body: of a clone, or of the other branch of a tee. */
  another(): Watcher
}

type Look = (returned: unknown, ...args: unknown[]) => unknown

/** Has `watcher` told of all that is read of this response from now on, by whichever of its methods. */
export function tap(response: object, watcher: Watcher, tapped: WeakSet<object> = new WeakSet()): void {
  for (const name of ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text']) {
    hear(response, name, watcher, (value) => {
      watcher.whole(value)
      watcher.over(true)
    })
  }
  after(response, 'clone', (copy) => {
    tap(Object(copy), watcher.another(), tapped)
    return copy
  })
  // Only when it is asked for: on some runtimes, to look at it is to turn it into a stream.
  const own = Object.getOwnPropertyDescriptor(response, 'body')
  const holder = own ? Object.defineProperty({}, 'body', own) : Object.getPrototypeOf(response)
  Reflect.defineProperty(response, 'body', {
    configurable: true,
    get() {
      const stream: unknown = Reflect.get(holder, 'body', response)
      if (isStream(stream)) tapStream(stream, watcher, tapped)
      return stream
    },
  })
}

function tapStream(stream: ReadableStream, watcher: Watcher, tapped: WeakSet<object>): void {
  if (tapped.has(stream)) return
  tapped.add(stream)
  const seesPart = (result: unknown): void => {
    const { done, value }: { done?: unknown; value?: unknown } = Object(result)
    if (done) watcher.over(true)
    else watcher.part(value)
  }
  const givesUp: Look = (returned) => {
    watcher.over(false)
    return returned
  }
  after(stream, 'getReader', (reader) => {
    hear(reader, 'read', watcher, seesPart)
    after(reader, 'cancel', givesUp)
    return reader
  })
  for (const name of ['values', Symbol.asyncIterator]) {
    after(stream, name, (iterator, options) => {
      hear(iterator, 'next', watcher, seesPart)
      if (!Object(options).preventCancel) after(iterator, 'return', givesUp)
      return iterator
    })
  }
  after(stream, 'cancel', (returned) => (stream.locked ? returned : givesUp(returned)))
  after(stream, 'tee', (branches) => {
    const [one, other]: readonly ReadableStream[] = Array.isArray(branches) ? branches : []
    if (one) tapStream(one, watcher, tapped)
    if (other) tapStream(other, watcher.another(), tapped)
    return branches
  })
  for (const name of ['pipeTo', 'pipeThrough'] as const) {
    const pipe = stream[name]
    put(stream, name, (...args) => (stream.locked ? Reflect.apply(pipe, stream, args) : piped(stream, pipe, args)))
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
function hear(on: unknown, name: PropertyKey, watcher: Watcher, see: (value: unknown) => void): void {
  const method: unknown = Reflect.get(Object(on), name)
  if (typeof method !== 'function') return
  const passed = (value: unknown): unknown => {
    see(value)
    return value
  }
  const failed = (error: unknown): never => {
    watcher.over(true)
    throw error
  }
  put(Object(on), name, function (this: unknown, ...args) {
    const promise: unknown = Reflect.apply(method, this, args)
    return isPromise(promise) ? promise.then(passed, failed) : promise
  })
}

/** Has `look` see what this method of this object returns from now on, and return it in its place. */
function after(on: unknown, name: PropertyKey, look: Look): void {
  const method: unknown = Reflect.get(Object(on), name)
  if (typeof method !== 'function') return
  put(Object(on), name, function (this: unknown, ...args) {
    return look(Reflect.apply(method, this, args), ...args)
  })
}

function put(on: object, name: PropertyKey, value: (this: unknown, ...args: never[]) => unknown): void {
  Reflect.defineProperty(on, name, { value, configurable: true, writable: true })
}

// Told by what they do: tests often run in a realm of their own, with a Promise of its own.
function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function isStream(value: unknown): value is ReadableStream {
  return typeof value === 'object' && value !== null && 'getReader' in value && 'pipeTo' in value
}
