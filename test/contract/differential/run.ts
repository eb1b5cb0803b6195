// One call, and everything that its caller and the servers can see of it, facet by facet, without what differs between
// any two calls: ids, ports, boundaries.

import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as tick, setTimeout as wait } from 'node:timers/promises'
import { type Places, stepsOf } from './answers.ts'
import { argumentsOf, type Recipe } from './arguments.ts'
import type { AnyFetch, Maker } from './makers.ts'
import { type Arrived, type Call, forget, ID, script } from './servers.ts'

/** Long enough for a busy machine: a call that takes longer counts as hung. */
const DEADLINE_MS = 15_000

export interface Seen {
  readonly facets: Readonly<Record<string, unknown>>
  readonly arrived: readonly Arrived[]
}

const timings = new Map<string, number>()
const observer = new PerformanceObserver((list) => count(list.getEntries()))
observer.observe({ type: 'resource' })

function count(entries: readonly { readonly name: string }[]): void {
  for (const { name } of entries) {
    const id = ID.exec(name)?.[0]
    if (id !== undefined) timings.set(id, (timings.get(id) ?? 0) + 1)
  }
}

// Any value may be thrown.
function errorOf(error: unknown, depth = 0): { readonly cause?: unknown } & Record<string, unknown> {
  if (typeof error !== 'object' || error === null) return { thrown: String(error) }
  const { name, message, code, type, cause } = error as Record<string, unknown>
  const isError = { TypeError: error instanceof TypeError, Error: error instanceof Error }
  return {
    name,
    message,
    code,
    type,
    isError,
    ...(depth < 2 && cause !== undefined && { cause: errorOf(cause, depth + 1) }),
  }
}

async function attempt(fn: () => unknown): Promise<unknown> {
  try {
    return await fn()
  } catch (error) {
    const { cause, ...top } = errorOf(error)
    return { error: top, cause }
  }
}

const latin1 = (body: unknown): unknown =>
  body instanceof ArrayBuffer || body instanceof Uint8Array ? Buffer.from(body as Uint8Array).toString('latin1') : body

async function chunks(body: unknown): Promise<unknown> {
  if (typeof body !== 'object' || body === null) return body
  const read: Buffer[] = []
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) read.push(Buffer.from(chunk))
  } catch (error) {
    return { read: latin1(Buffer.concat(read)), error: errorOf(error) }
  }
  return latin1(Buffer.concat(read))
}

interface Answered extends Response {
  buffer?(): Promise<Uint8Array>
}

/** How the caller reads the body. */
export const readings: Readonly<Record<string, (response: Answered) => unknown>> = {
  text: (response) => response.text(),
  bytes: async (response) => latin1(await response.arrayBuffer()),
  json: (response) => response.json(),
  chunks: (response) => chunks(response.body),
  clone: async (response) => {
    const { redirected, url, status } = response.clone()
    return { redirected, url, status, text: await response.text() }
  },
  'both of a clone': async (response) => {
    const clone = response.clone()
    return Promise.all([clone.text(), response.text()])
  },
  twice: async (response) => [await response.text(), await attempt(() => response.text())],
  nothing: (response) => {
    const { body } = response
    // Not awaited: one branch of a clone waits for the other.
    if (body !== null && body !== undefined && 'cancel' in body) body.cancel().catch(() => {})
  },
}

/** A separate facet: whether a clone counts as redirected. */
function readFacets(body: unknown): object {
  if (typeof body !== 'object' || body === null || !('redirected' in body)) return { body }
  const { redirected: cloneRedirected, ...rest } = body
  return { body: rest, cloneRedirected }
}

async function facetsOf(response: Answered, recipe: Recipe, controller: AbortController): Promise<object> {
  if (response === null || typeof response !== 'object') return { gave: String(response) }
  const { status, statusText, url, redirected, type, ok, headers, bodyUsed } = response
  const before = bodyUsed
  if (recipe.signal === 'after the head') controller.abort()
  const body = await attempt(() => readings[recipe.read ?? '']?.(response))
  if (recipe.signal === 'after the body') controller.abort()
  return {
    status,
    statusText,
    url,
    redirected,
    type,
    ok,
    headers: headers === undefined ? undefined : [...headers],
    ...readFacets(body),
    bodyUsed: [before, response.bodyUsed],
    own: Reflect.ownKeys(response).map(String),
    frozen: Object.isFrozen(response),
    made: Object.getPrototypeOf(response)?.constructor.name,
  }
}

/** @returns Undefined if the recipe's arguments cannot be made, so that there is no call. */
export async function run(send: AnyFetch, maker: Maker, recipe: Recipe, places: Places): Promise<Seen | undefined> {
  const { id } = places
  const controller = new AbortController()
  let args: unknown[]
  try {
    args = argumentsOf(recipe, { ...places, maker, controller })
  } catch {
    return undefined
  }
  const { route = '', hopHeaders = '', hopBody = '', final = '' } = recipe
  const steps = stepsOf({ route, status: Number(recipe.status), hopHeaders, hopBody, final }, places)
  const call = script(id, steps, (arrivals) => {
    if (recipe.signal === 'on arrival' && arrivals === 1) controller.abort()
    if (recipe.signal === 'on arrival, for a string' && arrivals === 1) controller.abort('mine')
    if (recipe.signal === 'on the second arrival' && arrivals === 2) controller.abort()
  })
  const stopped = new AbortController()
  const hangs = wait(DEADLINE_MS, { hangs: true }, { signal: stopped.signal })
  const outcome = attempt(async () => {
    const answer = send(...args)
    if (recipe.signal === 'a tick after the call') setImmediate(() => controller.abort())
    return facetsOf((await answer) as Answered, recipe, controller)
  })
  const facets = (await Promise.race([outcome, hangs])) as object
  stopped.abort()
  hangs.catch(() => {})
  await settled(call)
  count(observer.takeRecords())
  forget(id)
  return tidy(
    {
      facets: { ...facets, timing: timings.get(id) ?? 0 },
      arrived: call.arrived.map(({ settled: _, ...request }) => request),
    },
    places,
  )
}

// A request that the client has aborted may still be on its way to the server.
async function settled({ arrived }: Call): Promise<void> {
  const late = new AbortController()
  await tick()
  await Promise.race([
    Promise.all(arrived.map((request) => request.settled)),
    wait(DEADLINE_MS, undefined, { signal: late.signal }).catch(() => {}),
  ])
  late.abort()
  await tick()
}

function tidy(seen: Seen, { id, home, foreign }: Places): Seen {
  let text = JSON.stringify(seen, (_, value: unknown) => (value === undefined ? 'undefined' : value))
  const port = (origin: string): string => new URL(origin).port
  for (const [from, to] of [
    [id, 'ID'],
    [port(home), 'HOME'],
    [port(foreign), 'FOREIGN'],
  ] as const) {
    text = text.replaceAll(from, to)
  }
  for (const [, boundary = ''] of text.matchAll(/(?:boundary=|"body":"--)([\w-]+)/g))
    text = text.replaceAll(boundary, 'BOUNDARY')
  return JSON.parse(text)
}
