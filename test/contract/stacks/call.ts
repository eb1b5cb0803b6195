import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { runWithoutSession, runWithSession } from 'llm-affinity'
import type * as undici8 from 'undici'
import type { Undici } from './neighbours.ts'
import type { Random } from './random.ts'
import { type Script, scriptOf } from './script.ts'
import type { StackShape } from './stack.ts'

/** What a call is made for: a session, a session's side call, or no session. */
type Caller = 'session' | 'side' | 'nobody'

export interface CallShape {
  readonly caller: Caller
  readonly session: string
  /** A gateway header that the caller sets itself, to the session's key or to another value. */
  readonly own: readonly [name: string, value: string] | null
  readonly api: 'request' | 'fetch' | 'stream' | 'pipeline'
  readonly container: 'none' | 'object' | 'list' | 'Headers' | 'Map'
  readonly method: 'GET' | 'POST'
  readonly body: 'none' | 'text' | 'stream'
  readonly script: Script
  /** How many turns of the event loop pass before it. */
  readonly delay: number
}

const CALLERS: readonly Caller[] = ['session', 'session', 'session', 'session', 'session', 'session', 'side', 'nobody']
const APIS = ['request', 'request', 'request', 'request', 'fetch', 'fetch', 'stream', 'pipeline'] as const
const CONTAINERS = ['none', 'object', 'object', 'list', 'Headers', 'Map'] as const

export function callOf(random: Random, { base, h2, global, order }: StackShape): CallShape {
  const session = `conversation-${random.below(6)}`
  const name = random.pick(['x-session-id', 'X-Session-Id', 'x-litellm-session-id'])
  const script = scriptOf(random, !h2)
  // Caches store and `deduplicate` merges only GETs.
  const method = script.repeat !== 'once' || random.chance(60) ? 'GET' : 'POST'
  const own = random.chance(15) ? ([name, random.pick([session, 'set-by-the-caller'])] as const) : null
  // A body from `pipeline` cannot be sent again: with HTTP/2 that hangs, without our interceptor as well.
  const isSentOnce = script.steps.every(({ answers }) => answers.length === 1) && script.steps.length === 1
  const apis = APIS.filter((api) => (api !== 'fetch' || !order.includes('dump')) && (api !== 'pipeline' || isSentOnce))
  const isEmpty = own === null && script.cacheControl === undefined
  // As in stack.ts: only containers that the ProxyAgent of undici 7 does not lose.
  const containers = CONTAINERS.filter(
    (each) => (each !== 'none' || isEmpty) && (!base.startsWith('ProxyAgent') || !['Headers', 'Map'].includes(each)),
  )
  return {
    caller: random.pick(CALLERS),
    session,
    own,
    api: global ? 'fetch' : random.pick(apis),
    container: random.pick(containers),
    method,
    body: method === 'GET' ? 'none' : random.pick(['text', 'text', 'stream']),
    script,
    delay: random.below(4),
  }
}

/** The result of a call, as its caller sees it. */
export interface Result {
  readonly status?: number
  readonly body?: string
  readonly headers?: unknown
  readonly history?: unknown
  readonly error?: unknown
}

/** Makes a call in its caller's scope, as often as its script requires. */
export async function perform(
  u: Undici,
  dispatcher: undici8.Dispatcher,
  url: string,
  call: CallShape,
  global: boolean,
): Promise<Result[]> {
  for (let turn = 0; turn < call.delay; turn++) await new Promise(setImmediate)
  const once = (): Promise<Result> => inScope(call, () => answered(send(u, dispatcher, url, call, global)))
  const { repeat } = call.script
  if (repeat === 'once') return [await once()]
  if (repeat === 'at once') return (await Promise.all([once(), once()])).toSorted(byText)
  // No third call where the second starts a revalidation, which would race with it.
  return [await once(), await once(), ...(call.script.cacheControl === undefined ? [await once()] : [])]
}

function inScope<T>({ caller, session }: CallShape, fn: () => T): T {
  if (caller === 'nobody') return fn()
  return runWithSession(session, () => (caller === 'side' ? runWithoutSession(fn) : fn()))
}

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

async function answered(sent: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Result>((resolve) => {
    timer = setTimeout(() => resolve({ error: 'no answer within 10 seconds' }), 10_000)
  })
  const result = await Promise.race([sent.catch((error: unknown) => ({ error: describe(error) })), late])
  clearTimeout(timer)
  return result
}

function describe(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error)
  const { name, message, cause }: Error = error
  const { code }: { code?: unknown } & Error = error
  return { name, message, code, ...(cause !== undefined && { cause: describe(cause) }) }
}

async function send(
  u: Undici,
  dispatcher: undici8.Dispatcher,
  url: string,
  call: CallShape,
  global: boolean,
): Promise<Result> {
  const pairs = [
    ['Accept', 'application/json'],
    ['X-Own', 'a'],
    ...(call.own === null ? [] : [call.own]),
    ...(call.script.cacheControl === undefined ? [] : [['Cache-Control', call.script.cacheControl]]),
  ] as [string, string][]
  const { method, api, container } = call
  const content = JSON.stringify({ session: call.session })
  const body = { none: undefined, text: content, stream: undefined }[call.body] ?? null
  if (api === 'fetch') {
    const headers = container === 'none' ? {} : container === 'object' ? Object.fromEntries(pairs) : pairs
    const init = { method, headers, body }
    const response = await (global ? fetch(url, init) : (u.fetch(url, { ...init, dispatcher }) as Promise<unknown>))
    const { status, headers: given, redirected } = response as Response
    return {
      status,
      body: await (response as Response).text(),
      headers: kept(Object.fromEntries(given)),
      history: redirected,
    }
  }
  const headers = {
    none: undefined,
    object: Object.fromEntries(pairs),
    list: pairs.flat(),
    Headers: new u.Headers(pairs),
    Map: new Map(pairs),
  }[container] as undici8.Dispatcher.DispatchOptions['headers']
  const options = {
    dispatcher,
    method,
    ...(headers && { headers }),
    body: call.body === 'stream' ? Readable.from([content]) : body,
  }
  if (api === 'request') {
    const { statusCode, body: answer, headers: given, context } = await u.request(url, options)
    return { status: statusCode, body: await answer.text(), headers: kept(given), history: historyOf(context) }
  }
  let head: Result = {}
  const note = (data: { statusCode: number; headers: object; context: unknown }): void => {
    head = { status: data.statusCode, headers: kept(data.headers), history: historyOf(data.context) }
  }
  if (api === 'stream') {
    const sink = new PassThrough()
    const read = text(sink)
    read.catch(() => {})
    await u.stream(url, options, (data) => {
      note(data as never)
      return sink
    })
    return { ...head, body: await read }
  }
  const { body: _, ...rest } = options
  const piped = u.pipeline(url, rest, (data) => {
    note(data as never)
    return data.body
  })
  piped.end(call.body === 'none' ? undefined : content)
  const read = await text(piped)
  return { ...head, body: read }
}

const VOLATILE = ['date', 'age', 'keep-alive', 'connection', 'transfer-encoding', 'warning']

function kept(headers: object): unknown {
  return Object.entries(headers)
    .filter(([name]) => !VOLATILE.includes(name))
    .toSorted()
}

function historyOf(context: unknown): unknown {
  const { history }: { history?: unknown } = Object(context)
  return Array.isArray(history) ? history.map(String) : undefined
}
