import { expected, kind } from './expected.js'
import { type Fetch, stamping } from './fetch.js'
import { type AffinityOptions, checked, policyOf } from './policy.js'

/** What a client must have to be copied with another fetch: what OpenAI, Anthropic, Groq, Together and their likes have. */
interface Copyable {
  readonly baseURL: string
  readonly fetch: Fetch
  withOptions(options: object): unknown
}

/** How a fetch of ours came to be, so that wrapping its client again replaces what was said and does not stack. */
interface Wrapping {
  readonly send: Fetch
  readonly options: AffinityOptions
}

const wrappings = new WeakMap<Fetch, Wrapping>()

// Options that are objects, which `withOptions` hands to the copy as they are.
const SHARED = ['defaultHeaders', 'defaultQuery', 'fetchOptions']

// Options that `withOptions` forgets, and the field that remembers them: AzureOpenAI of openai 6.
const FORGOTTEN = { apiVersion: 'apiVersion', deployment: 'deploymentName' }

/**
 * A copy of an SDK client that stamps the key of the session in whose scope it is called. The client itself stays as it
 * is, and nothing that can change is shared with it.
 *
 * It stamps calls to the client's own base URL, on every attempt. Calls elsewhere, and those that fetch a token, are
 * left alone. Wrapping a wrapped client keeps its options and replaces those that are given. A copy that you make of it
 * with another base URL is to be wrapped again, and tracing that patches a client comes after the wrapping. It otherwise
 * does what `affinityFetch` does.
 *
 * @returns A client of the same class, made by the client's own `withOptions`.
 * @throws TypeError when the client cannot be copied, or an option is wrong.
 *
 * @example
 * const openai = withAffinity(new OpenAI({ baseURL: 'http://gateway:4000/v1' }))
 */
export function withAffinity<Client extends object>(client: Client, options: AffinityOptions = {}): Client {
  if (!isCopyable(client)) {
    throw expected(
      '`client` to be an SDK client with `withOptions`, `baseURL` and `fetch` (OpenAI, Anthropic, Groq, Together, ...)',
      kind(client),
      'Give affinityFetch() to its constructor as `fetch`, if it takes one',
    )
  }
  const before = wrappings.get(client.fetch)
  const send = before?.send ?? client.fetch
  const all = { ...before?.options, ...checked(options) }
  let home: Copyable = client
  const stamped = stamping(
    policyOf(all, () => home.baseURL),
    send,
  )
  wrappings.set(stamped, { send, options: all })
  const copy = copied(client, stamped)
  home = copy
  return copy
}

function copied<Client extends Copyable>(client: Client, fetch: Fetch): Client {
  let copy: unknown
  let cause: unknown
  try {
    copy = client.withOptions({ ...separate(client), fetch })
  } catch (fault) {
    cause = fault
  }
  if (isCopyOf(copy, client, fetch)) return copy
  const error = expected(
    '`client` to be one that its own `withOptions({ fetch })` copies, class and base URL included',
    cause instanceof Error ? `${kind(client)} whose withOptions threw` : kind(client),
    'Give affinityFetch() to its constructor as `fetch` instead',
  )
  if (cause !== undefined) error.cause = cause
  throw error
}

// What has to be handed to `withOptions` for a copy that is whole and shares nothing that can change.
function separate(client: Copyable): object {
  const given: unknown = Reflect.get(client, '_options')
  const held = { ...(typeof given === 'object' ? given : undefined), ...client }
  const own: Record<string, unknown> = {}
  for (const name of SHARED) {
    const value: unknown = Reflect.get(held, name)
    if (value instanceof Headers) own[name] = new Headers(value)
    else if (Array.isArray(value)) own[name] = [...value]
    else if (typeof value === 'object' && value !== null) own[name] = { ...value }
  }
  for (const [option, field] of Object.entries(FORGOTTEN)) {
    const value: unknown = Reflect.get(client, field)
    if (value !== undefined) own[option] = value
  }
  return own
}

function isCopyable(client: unknown): client is Copyable {
  if (typeof client !== 'object' || client === null) return false
  const { baseURL, fetch, withOptions } = client as Partial<Copyable>
  return typeof baseURL === 'string' && typeof fetch === 'function' && typeof withOptions === 'function'
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
