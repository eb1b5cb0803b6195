// What a server reads and writes after its handler has returned runs in the scope of whoever opened the socket. These functions
// bring the scope of the session along, for one request and one response.

import type { Session } from '../session/session.js'
import { sharedMap } from '../util/shared.js'

/** What is used of a Node event emitter. */
interface Emitter {
  emit(this: unknown, ...args: never[]): unknown
}

function scopes(): WeakMap<object, Session> {
  return sharedMap('server-scopes.v1')
}

/**
 * Runs the listeners of a request or a response in the session's scope: `end`, `drain`, `finish`, `close` and all others. A
 * stream that is piped into a response produces its data in that scope.
 */
export function bindEvents(session: Session, emitter: unknown): void {
  if (!isEmitter(emitter)) return
  const isBound = scopes().has(emitter)
  // Where helpers are nested, the session of the inner one counts.
  scopes().set(emitter, session)
  if (isBound) return
  const { emit } = emitter
  emitter.emit = function (this: unknown, ...args: never[]): unknown {
    const current = scopes().get(emitter) ?? session
    const [name, source]: readonly unknown[] = args
    if (name === 'pipe') bindReadable(current, source)
    return current.run(() => Reflect.apply(emit, this, args))
  }
}

function isEmitter(value: unknown): value is Emitter {
  return typeof Object(value).emit === 'function'
}

/** Node's `_read`, by which a stream is asked for more. */
interface Readable {
  _read(this: unknown, size: number): void
}

function bindReadable(session: Session, stream: unknown): void {
  if (!isReadable(stream)) return
  const read = stream._read
  stream._read = function (this: unknown, size: number): void {
    session.run(() => Reflect.apply(read, this, [size]))
  }
}

function isReadable(value: unknown): value is Readable {
  return typeof Object(value)._read === 'function'
}

/** What is used of an Observable of RxJS. */
interface Observable {
  readonly constructor: unknown
  subscribe(observer: object): unknown
}

interface Subscriber {
  next(value: unknown): void
  error(error: unknown): void
  complete(): void
}

/** An Observable with the values of another one, which is subscribed to in the session's scope. So is a stream that it gives. */
export function observableIn<T>(session: Session, source: T): T {
  if (!isObservable(source)) return source
  return Reflect.construct(source.constructor as new () => T, [
    (subscriber: Subscriber) =>
      session.run(() =>
        source.subscribe({
          next: (value: unknown) => {
            // Nest's StreamableFile holds a stream, which may be piped through others before it reaches the response.
            bindReadable(session, streamOf(value))
            subscriber.next(value)
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => subscriber.complete(),
        }),
      ),
  ]) as T
}

function streamOf(value: unknown): unknown {
  const { getStream, getHeaders }: { getStream?: unknown; getHeaders?: unknown } = Object(value)
  const isFile = typeof getStream === 'function' && typeof getHeaders === 'function'
  return isFile ? Reflect.apply(getStream, value, []) : value
}

function isObservable(value: unknown): value is Observable {
  return typeof Object(value).subscribe === 'function'
}

/** A web stream with the data of another one, which is produced in the session's scope, wherever this one is read. */
function webStreamIn(session: Session, stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const isBytes = isByteStream(stream)
  const reader = stream.getReader()
  const cancel = (reason: unknown): Promise<void> => session.run(() => reader.cancel(reason))
  if (!isBytes) {
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> =>
      session.run(async () => {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      })
    // Nothing is read before the server asks for it.
    return new ReadableStream({ pull, cancel }, { highWaterMark: 0 })
  }
  const pull = (controller: ReadableByteStreamController): Promise<void> =>
    session.run(async () => {
      const { done, value } = await reader.read()
      if (!done) controller.enqueue(value as Uint8Array<ArrayBuffer>)
      else {
        controller.close()
        // A reader that brings its own buffer waits for that too.
        controller.byobRequest?.respond(0)
      }
    })
  return new ReadableStream({ type: 'bytes', pull, cancel })
}

/** Whether a reader can bring its own buffer. */
function isByteStream(stream: ReadableStream): boolean {
  try {
    const reader = stream.getReader({ mode: 'byob' })
    reader.releaseLock()
    return reader instanceof ReadableStreamBYOBReader
  } catch {
    return false
  }
}

// Such a body is in memory already.
const WHOLE = /^application\/json *(;|$)/i

/** The same response, with its body in the session's scope if it may be produced while it is read. */
export function responseIn(session: Session, response: Response): Response {
  // Bun's handlers return undefined once they have upgraded a request.
  if (!response?.body || response.bodyUsed || response.body.locked) return response
  const { body, headers } = response
  const isWhole = headers.has('content-length') || WHOLE.test(headers.get('content-type') ?? '')
  return isWhole ? response : new Response(webStreamIn(session, body), response)
}
