// LangChain's chat models and embeddings. They hold or create SDK clients, and send calls through queues whose tasks run in
// the scope of whoever made room for them. Recognised by what they have, not by their classes: this works with LangChain 0.3
// and 1, and imports neither.

import { capture, current, iteratorIn } from '../../session/context.js'
import { Session, type SessionOptions } from '../../session/session.js'
import { type AffinityOptions, checkAffinityOptions } from '../../stamping/options.js'
import { expected, kind } from '../../util/errors.js'
import { warnOnce } from '../../util/warn.js'
import { affinityFetch, copyOwnProperties } from '../fetch.js'
import type { Fetch } from '../platform-fetch.js'
import { withAffinity as withAffinityOfClient } from '../sdk-client.js'
import { callMethod, inCurrentScope, isObject, withCallbacks } from './callbacks.js'

/** Options for a LangChain model. */
export interface LangChainOptions extends AffinityOptions {
  /**
   * Takes the session from `configurable.thread_id` of a call or of the graph around it, where code runs in no session and not
   * in `runWithoutSession`. An object has the options of these sessions, such as the namespace of a tenant. Default: false.
   */
  readonly threads?: boolean | SessionOptions
}

type Method = (this: unknown, ...args: never[]) => unknown

/** LangChain's AsyncCaller: every call of a model passes its queue. */
interface Caller {
  readonly queue: { add(task: () => unknown, options?: object): unknown }
}

// The fields in which models hold the SDK clients that they create, some of them at the first call.
const CLIENTS = ['client', 'streamingClient', 'batchClient']

/**
 * Returns a copy of a LangChain chat model or embeddings object. Each request carries the key of the session that asked for
 * it: through finite `maxConcurrency`, `stream`, `batch`, tools, fallbacks and graphs, and none for side calls. Its callback
 * handlers run in the session whose call they are told of, though LangChain runs them later, from a queue of its own.
 *
 * The model itself is not changed. The copy shares its rate limit. What is made of the copy, with `bindTools`, `withConfig`
 * or `withStructuredOutput`, is wrapped too. SDK clients that the model creates later are wrapped then, once each.
 *
 * @throws TypeError for anything that holds no SDK client of OpenAI, Anthropic, Groq, Together or Ollama, such as a model of
 *   Google or Mistral, and for wrong options.
 *
 * @example
 * const model = withAffinity(new ChatOpenAI({ model: 'm', configuration: { baseURL: 'http://gateway:4000/v1' } }))
 */
export function withAffinity<Model extends object>(model: Model, options: LangChainOptions = {}): Model {
  const { threads = false, ...affinity } = checkAffinityOptions(options, 'threads')
  if (typeof threads !== 'boolean' && (typeof threads !== 'object' || threads === null)) {
    throw expected('`threads` to be true or session options', kind(threads))
  }
  // Checks both, so that mistakes throw here and not at the first call.
  affinityFetch(affinity)
  if (typeof threads === 'object') new Session('conversation-42', threads)
  if (!isModel(model)) throw notAModel(model)
  const copy = copyOf(model, affinity)
  bindCallbacks(copy)
  bindCalls(copy, threads === true ? {} : threads, (made) => withAffinity(made, options))
  return copy
}

function notAModel(model: unknown): TypeError {
  let hint = 'For other models, use instrument(), or affinityFetch() where they accept a fetch. See docs/frameworks.md'
  if (typeof model === 'function') hint = `Wrap an instance: withAffinity(new ${model.name || 'ChatOpenAI'}(…))`
  else if ('then' in Object(model)) hint = 'Await it first'
  else if ('baseURL' in Object(model)) hint = 'For an SDK client, use the withAffinity of llm-affinity'
  return expected('`model` to be a chat model or embeddings object of LangChain with an SDK client', kind(model), hint)
}

function isModel(value: unknown): value is object {
  return isObject(value) && isCaller(Reflect.get(value, 'caller')) && holdsClient(value)
}

// Itself, or in a part: ChatOpenAI delegates to one object for each of its APIs.
function holdsClient(model: object): boolean {
  const clients = CLIENTS.filter((name) => name in model).map((name): unknown => Reflect.get(model, name))
  return (
    clients.some((client) => client === undefined || isClient(client)) ||
    Object.values(model).some((part) => isObject(part) && isCaller(Reflect.get(part, 'caller')) && holdsClient(part))
  )
}

/** A copy with the same state, and with clients and queues of its own. The parts of a model are copied too. */
function copyOf<Model extends object>(model: Model, affinity: AffinityOptions): Model {
  const copy: Model = Object.create(Object.getPrototypeOf(model), Object.getOwnPropertyDescriptors(model))
  for (const [name, value] of Object.entries(copy)) {
    if (CLIENTS.includes(name) || !isObject(value)) continue
    if (isCaller(value)) Reflect.set(copy, name, inOwnScope(value))
    else if (isCaller(Reflect.get(value, 'caller'))) Reflect.set(copy, name, copyOf(value, affinity))
  }
  for (const name of CLIENTS) {
    if (!(name in copy)) continue
    let client = wrapped(Reflect.get(copy, name), affinity)
    Object.defineProperty(copy, name, {
      configurable: true,
      enumerable: true,
      get: () => client,
      set(created: unknown) {
        client = wrapped(created, affinity)
      },
    })
  }
  return copy
}

function wrapped(client: unknown, affinity: AffinityOptions): unknown {
  if (!isClient(client)) return client
  try {
    if ('baseURL' in client) return withAffinityOfClient(client, affinity)
    // Ollama's client has a fetch and no base URL.
    const copy = copyOwnProperties(Object.create(Object.getPrototypeOf(client)), client)
    Reflect.set(copy, 'fetch', affinityFetch({ ...affinity, fetch: client.fetch }))
    return copy
  } catch (fault) {
    warnOnce(`a client of a LangChain model cannot be wrapped, and its calls are not stamped. ${String(fault)}`)
    return client
  }
}

function isClient(value: unknown): value is { readonly fetch: Fetch } {
  return isObject(value) && typeof Reflect.get(value, 'fetch') === 'function'
}

/** The same caller, whose tasks run in the async context in which they were added. */
function inOwnScope(caller: Caller): Caller {
  const { queue } = caller
  const bound = {
    add(task: () => unknown, options?: object): unknown {
      const context = capture()
      return queue.add(() => context.runInAsyncScope(task), options)
    },
  }
  return Object.assign(Object.create(caller), { queue: Object.assign(Object.create(queue), bound) })
}

/** Has handlers of a call run in the scope of that call. Only the scope: LangChain itself clears its own context for them. */
function bindCallbacks(model: object): void {
  if (!('callbacks' in model)) return
  let own: unknown = Reflect.get(model, 'callbacks')
  Object.defineProperty(model, 'callbacks', {
    configurable: true,
    enumerable: true,
    get: () => inCurrentScope(own),
    set(callbacks: unknown) {
      own = callbacks
    },
  })
}

/**
 * Binds what a call is given: its callbacks, and with `threads` its session. What a model makes of itself, with tools for
 * example, is made by its class, and must be wrapped again.
 */
function bindCalls(model: object, threads: SessionOptions | false, wrap: (made: object) => object): void {
  const sessionFor = (options: unknown): Session | undefined => {
    if (threads === false || current() !== undefined) return undefined
    const thread = threadOf(model, options)
    return thread === undefined ? undefined : new Session(thread, threads)
  }
  override(model, 'generate', (call, [messages, options, callbacks]) => {
    const run = (): unknown => call(messages, withCallbacks(options), inCurrentScope(callbacks))
    const session = sessionFor(options)
    return session === undefined ? run() : session.run(run)
  })
  override(model, '_streamIterator', (call, [input, options]) => {
    const stream = (): AsyncIterator<unknown> => call(input, withCallbacks(options)) as AsyncIterator<unknown>
    const session = sessionFor(options)
    return session === undefined ? stream() : session.run(() => iteratorIn(session, stream()))
  })
  override(model, 'withConfig', (call, args) => {
    const made = call(...args)
    return isModel(made) && made !== model ? wrap(made) : made
  })
}

/** The thread that a call belongs to, by its own config or that of the graph around it. */
function threadOf(model: object, options: unknown): string | undefined {
  try {
    const given = isObject(options) && !Array.isArray(options) ? options : {}
    const [config] = Object(callMethod(model, '_separateRunnableConfigFromCallOptions', { ...given }))
    const { thread_id: thread } = Object(Object(config).configurable)
    return typeof thread === 'string' && thread !== '' ? thread : undefined
  } catch {
    return undefined
  }
}

type Around = (call: (...args: unknown[]) => unknown, args: readonly unknown[]) => unknown

function override(model: object, name: string, around: Around): void {
  const method: unknown = Reflect.get(model, name)
  if (typeof method !== 'function') return
  Object.defineProperty(model, name, {
    configurable: true,
    writable: true,
    value: (...args: unknown[]) => around((...given) => Reflect.apply(method as Method, model, given), args),
  })
}

function isCaller(value: unknown): value is Caller {
  const queue: unknown = isObject(value) ? Reflect.get(value, 'queue') : undefined
  return isObject(queue) && typeof Reflect.get(queue, 'add') === 'function'
}
