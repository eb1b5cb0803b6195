import { type AffinityOptions, checkAffinityOptions, policyOf } from '../stamping/options.js'
import { expected, isObject, kind } from '../util/errors.js'
import { sharedMap } from '../util/shared.js'
import { stampingFetch } from './fetch.js'
import type { Fetch } from './platform-fetch.js'

/** The members that a client needs to be copied with another fetch, as those of OpenAI, Anthropic, Groq and Together have. */
interface Copyable {
  readonly baseURL: string
  readonly fetch: Fetch
  readonly withOptions?: (options: object) => unknown
  /** What its constructor was given. Older clients have no `withOptions`, and are copied with their constructor. */
  readonly _options?: object
}

/** How a stamping fetch was made, so that wrapping its client again replaces the options and does not stamp twice. */
interface Wrapping {
  readonly send: Fetch
  readonly options: AffinityOptions
}

// Also where another copy of this package has made it, as an application has that loads both builds.
function wrappings(): WeakMap<Fetch, Wrapping> {
  return sharedMap('wrappings.v1')
}

// Options that are objects, which `withOptions` would share with the copy.
const SHARED = ['defaultHeaders', 'defaultQuery', 'fetchOptions']

// Options that `withOptions` drops, and the fields that have them: AzureOpenAI of openai 6.
const DROPPED = { apiVersion: 'apiVersion', deployment: 'deploymentName' }

// Options of a constructor that are fields too.
const CURRENT = ['timeout', 'maxRetries']

const HINT =
  'Give its constructor { fetch: affinityFetch() }, or call withAffinity before a tracer wraps it. See docs/frameworks.md'

const VERSIONS = 'OpenAI 4, Anthropic 0.20, Groq 0.3, Together 0.6 or later'

/**
 * Returns a copy of an SDK client that stamps the key of the session in whose scope it is called. The client itself is not
 * changed, and shares no mutable state with the copy.
 *
 * It stamps calls to the client's own base URL, on every attempt. Calls to other URLs, and those that fetch a token, are not
 * stamped. Wrapping a wrapped client keeps its options and replaces those that are given. A copy of it with another base URL
 * must be wrapped again. In all else it behaves as `affinityFetch` does.
 *
 * Apply a tracer that wraps a client or replaces its methods afterwards: `wrapOpenAI(withAffinity(client))`. A copy would lose
 * the tracing, so the other order throws.
 *
 * @returns A client of the same class, made by the client's own `withOptions`, or by its constructor where it has none.
 * @throws TypeError if the client cannot be copied, one of its methods was replaced, or an option is wrong.
 *
 * @example
 * const openai = withAffinity(new OpenAI({ baseURL: 'http://gateway:4000/v1' }))
 */
export function withAffinity<Client extends object>(client: Client, options: AffinityOptions = {}): Client {
  if (!isCopyable(client)) throw notCopyable(client)
  const before = wrappings().get(client.fetch)
  const send = before?.send ?? client.fetch
  const all = { ...before?.options, ...checkAffinityOptions(options) }
  let owner: Copyable = client
  const stamped = stampingFetch(
    policyOf(all, () => owner.baseURL),
    send,
  )
  wrappings().set(stamped, { send, options: all })
  const copy = copied(client, stamped)
  owner = copy
  return copy
}

function notCopyable(client: unknown): TypeError {
  const given = Object(client)
  const langchain = 'Use the withAffinity of llm-affinity/langchain'
  const aiSdk = 'Write createOpenAI({ fetch: affinityFetch() })'
  // By a member that it has.
  const hints = [
    ['lc_namespace', langchain],
    ['lc_name', langchain],
    ['languageModel', aiSdk],
    ['modelId', aiSdk],
    ['then', 'Await it first'],
  ] as const
  const [, instead] = hints.find(([member]) => member in given) ?? []
  // A class, or the options that belong into its constructor.
  const instance = [Object, Function].includes(given.constructor)
    ? `Write withAffinity(new ${given.prototype?.constructor?.name || 'OpenAI'}())`
    : HINT
  return expected(`\`client\` to be an SDK client (${VERSIONS})`, kind(client), instead ?? instance)
}

function copied<Client extends Copyable>(client: Client, fetch: Fetch): Client {
  let lost: string | undefined = 'withOptions'
  let cause: unknown
  // A Proxy may return another `withOptions` than its class has. It is not called, since a tracer would record that.
  if (Object.hasOwn(client, lost) || client.withOptions === Object.getPrototypeOf(client).withOptions) {
    try {
      const copy = madeWith(client, { ...separate(client), fetch })
      lost = isCopyOf(copy, client, fetch) ? lostBy(copy, client) : 'class or base URL'
      if (lost === undefined) return copy as Client
    } catch (fault) {
      cause = fault
    }
  }
  const got = `${kind(Object.getPrototypeOf(client))} ${cause === undefined ? `that would lose its ${lost}` : 'that threw when it was copied'}`
  const error = expected('`client` to be one that its own `withOptions` or constructor copies whole', got, HINT)
  if (cause !== undefined) error.cause = cause
  throw error
}

function madeWith(client: Copyable, options: object): unknown {
  if (client.withOptions !== undefined) return client.withOptions(options)
  const given: Record<string, unknown> = { ...client._options }
  // As they are now: a field may have been assigned since.
  for (const [name, value] of Object.entries(client)) {
    if (typeof value !== 'object' && (name in given || CURRENT.includes(name))) given[name] = value
  }
  const azureADTokenProvider: unknown = Reflect.get(client, '_azureADTokenProvider')
  if (azureADTokenProvider !== undefined) {
    // The key is then a placeholder, and the constructor accepts one of the two only.
    delete given.apiKey
    given.azureADTokenProvider = azureADTokenProvider
  }
  return Reflect.construct(client.constructor, [{ ...given, httpAgent: Reflect.get(client, 'httpAgent'), ...options }])
}

// The options for `withOptions` that make the copy complete, and share no mutable state with the client.
function separate(client: Copyable): object {
  const given: unknown = Reflect.get(client, '_options')
  const held = { ...(typeof given === 'object' ? given : undefined), ...client }
  const own: Record<string, unknown> = {}
  for (const name of SHARED) {
    const value: unknown = Reflect.get(held, name)
    if (value instanceof Headers) own[name] = new Headers(value)
    else if (Array.isArray(value)) own[name] = [...value]
    else if (isObject(value)) own[name] = { ...value }
  }
  for (const [option, field] of Object.entries(DROPPED)) {
    const value: unknown = Reflect.get(client, field)
    if (value !== undefined) own[option] = value
  }
  return own
}

// The path of a member that the copy has lost: a method that was replaced in the client, by a Proxy or by hand, or an argument
// of a resource's constructor. Members that a class creates for each instance differ too, but are not lost.
function lostBy(copy: object, client: object, from = client, to = copy, path = ''): string | undefined {
  for (const name of methodsOf(Object.getPrototypeOf(to))) {
    if (Reflect.get(from, name) !== Reflect.get(to, name) && !Object.hasOwn(to, name)) return path + name
  }
  for (const name of Object.keys(to)) {
    const before: unknown = Reflect.get(from, name)
    const after: unknown = Reflect.get(to, name)
    if (after === undefined && before !== undefined && to !== copy) return path + name
    if (!isObject(before) || !isObject(after) || Reflect.get(after, '_client') !== copy) continue
    const lost = lostBy(copy, client, before, after, `${path}${name}.`)
    if (lost !== undefined) return lost
  }
  return undefined
}

const methods = new WeakMap<object, readonly string[]>()

// The names of the methods of a class and of those that it extends, listed once.
function methodsOf(prototype: object): readonly string[] {
  if (prototype === null || prototype === Object.prototype) return []
  let names = methods.get(prototype)
  if (names === undefined) {
    const all = Object.entries(Object.getOwnPropertyDescriptors(prototype))
    const own = all.filter(([name, { value }]) => name !== 'constructor' && typeof value === 'function')
    names = [...own.map(([name]) => name), ...methodsOf(Object.getPrototypeOf(prototype))]
    methods.set(prototype, names)
  }
  return names
}

function isCopyable(client: unknown): client is Copyable {
  if (!isObject(client)) return false
  const { baseURL, fetch, withOptions, _options } = client as Partial<Copyable>
  const isMade = typeof withOptions === 'function' || (withOptions === undefined && isObject(_options))
  return typeof baseURL === 'string' && typeof fetch === 'function' && isMade
}

function isCopyOf<Client extends Copyable>(copy: unknown, client: Client, fetch: Fetch): copy is Client {
  return (
    isCopyable(copy) &&
    copy !== client &&
    Object.getPrototypeOf(copy) === Object.getPrototypeOf(client) &&
    copy.fetch === fetch &&
    copy.baseURL === client.baseURL
  )
}
