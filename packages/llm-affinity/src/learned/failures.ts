// Whether an answer with a good status was an answer: APIs report errors inside of a 200, streams end empty, break or stall. The
// body is observed while the caller reads it.

import { type BodyObserver, observeBody } from '../usage/observe-body.js'

/** What became of an answer. It is called once. */
export type Judge = (isFailed: boolean) => void

/** Tells that there was no data for too long. */
export interface Stall {
  readonly afterMs: number
  readonly onStall: () => void
}

// Of a line, and of a JSON body, this many characters are searched. An error is short.
const MAX_TEXT = 65_536

/** Observes the body of an answer, and calls `judge` when it ends. */
export function watchBody(response: Response, judge: Judge, stall: Stall | undefined): void {
  if (response.bodyUsed || response.body === null) return
  const isStream = /event-stream/i.test(response.headers.get('content-type') ?? '')
  observeBody(response, new BodyWatch(isStream, judge, stall))
}

class BodyWatch implements BodyObserver {
  readonly #decoder = new TextDecoder()
  readonly #isStream: boolean
  readonly #judge: Judge
  readonly #stall: Stall | undefined
  #text = ''
  #hasData = false
  #isOver = false
  #timer: StallTimer | undefined

  constructor(isStream: boolean, judge: Judge, stall: Stall | undefined) {
    this.#isStream = isStream
    this.#judge = judge
    this.#stall = stall
  }

  asked(): void {
    if (this.#stall === undefined || this.#isOver || this.#timer !== undefined) return
    const { afterMs, onStall } = this.#stall
    this.#timer = stallTimer(afterMs, () => {
      this.#over(true)
      onStall()
    })
  }

  part(value: unknown): void {
    if (this.#isOver || !ArrayBuffer.isView(value)) return
    this.#add(this.#decoder.decode(value as Uint8Array, { stream: true }))
  }

  whole(value: unknown): void {
    if (this.#isOver) return
    if (typeof value === 'string') this.#add(value)
    else if (value instanceof ArrayBuffer) this.#add(this.#decoder.decode(value))
    else if (ArrayBuffer.isView(value)) this.part(value)
    else this.#over(isError(value))
  }

  end(forAll: boolean, error?: unknown): void {
    if (this.#isOver) return
    // A reader that gave up shows nothing.
    if (!forAll || isAbort(error)) this.#stop()
    else if (error !== undefined) this.#over(true)
    else if (!this.#isStream) this.#over(hasError(this.#text))
    else {
      this.#line(this.#text)
      this.#over(!this.#hasData)
    }
  }

  clone(): BodyObserver {
    return { part: () => {}, whole: () => {}, end: () => {}, clone: () => this.clone() }
  }

  #add(text: string): void {
    if (!this.#isStream) {
      if (text !== '') this.#heard()
      this.#text = (this.#text + text).slice(0, MAX_TEXT)
      return
    }
    const lines = (this.#text + text).split(/\r\n|\n|\r/)
    this.#text = (lines.pop() ?? '').slice(0, MAX_TEXT)
    // The beginning of an event, which is complete later.
    if (this.#text.startsWith('data:')) this.#heard()
    for (const line of lines) if (!this.#isOver) this.#line(line)
  }

  #line(line: string): void {
    // A comment, or the end of an event.
    if (!line.startsWith('data:')) return
    const data = line.slice(5).trim()
    if (data === '' || /^\{\s*"type"\s*:\s*"ping"/.test(data)) return
    this.#hasData = true
    this.#heard()
    if (hasError(data)) this.#over(true)
  }

  #heard(): void {
    this.#timer?.stop()
    this.#timer = undefined
  }

  #stop(): void {
    this.#heard()
    this.#isOver = true
    this.#text = ''
  }

  #over(isFailed: boolean): void {
    if (this.#isOver) return
    this.#stop()
    this.#judge(isFailed)
  }
}

/** Whether this is the error of a call that its caller aborted. */
export function isAbort(error: unknown): boolean {
  const { name, code }: { name?: unknown; code?: unknown } = Object(error)
  return name === 'AbortError' || code === 'UND_ERR_ABORTED'
}

/** A timer that can be stopped. */
export interface StallTimer {
  stop(): void
}

/**
 * Calls `onStall` after this time, unless it is stopped. In a busy process, data may have arrived that was not read yet, so it
 * waits for two more turns of the event loop.
 */
export function stallTimer(ms: number, onStall: () => void): StallTimer {
  let timer: ReturnType<typeof setTimeout>
  const start = (delay: number, then: () => void): void => {
    timer = setTimeout(then, delay)
    unref(timer)
  }
  start(ms, () => start(0, () => start(0, onStall)))
  return { stop: () => clearTimeout(timer) }
}

/** Lets the process end while a timer runs. */
export function unref(timer: unknown): void {
  const { unref }: { unref?: unknown } = Object(timer)
  if (typeof unref === 'function') Reflect.apply(unref, timer, [])
}

function hasError(text: string): boolean {
  if (text.length >= MAX_TEXT || !/"(error|response\.failed)"/.test(text)) return false
  try {
    return isError(JSON.parse(text))
  } catch {
    return false
  }
}

// OpenAI's and Anthropic's forms: `error` beside or instead of an answer, and an event of type `error` or `response.failed`.
function isError(json: unknown): boolean {
  const { error, type }: { error?: unknown; type?: unknown } = Object(json)
  return type === 'error' || type === 'response.failed' || (typeof error === 'object' && error !== null)
}
