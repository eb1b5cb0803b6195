import Anthropic from '@anthropic-ai/sdk'
import { type AffinityOptions, affinityFetch, patchGlobalFetch, withAffinity } from 'llm-affinity'
import { affinityInterceptor } from 'llm-affinity/undici'
import OpenAI, { AzureOpenAI } from 'openai'
import * as undici8 from 'undici'
import * as undici7 from 'undici7'

export interface CallOptions {
  readonly headers?: Record<string, string>
  readonly content?: string
  readonly model?: string
}

/** One way to make an LLM call, in the form in which a user of that stack would. */
export interface Connection {
  /** One call, retried by the stack's own means where it has some. Gives the text of the answer. */
  call(options?: CallOptions): Promise<string>
  /** The same, streamed; the answer is read by whoever iterates. */
  stream?(options?: CallOptions): Promise<AsyncIterable<unknown>>
  close(): Promise<void>
}

export interface Integration {
  readonly name: string
  /** A connection to a server through our integration; with `null`, the bare stack. */
  connect(origin: string, affinity: AffinityOptions | null): Connection
  readonly retries: boolean
  readonly redirects: boolean
  /** Redirects are followed by us, since nobody can check what this fetch sends. */
  readonly followsByHand?: boolean
  /** Every attempt comes by here, and not the last one alone. */
  readonly seesAttempts: boolean
  /** The body comes by as the text that it is, and not as a stream. */
  readonly seesBody: boolean
  /** Every header level that a caller can set one at, beside the call's own. */
  readonly defaults?: (origin: string, headers: Record<string, string>) => Connection
}

const MODEL = 'test-model'
const done = async (): Promise<void> => {}
const messages = (content = 'hello'): { role: 'user'; content: string }[] => [{ role: 'user', content }]
const chat = ({ model = MODEL, content }: CallOptions = {}, more: object = {}): string =>
  JSON.stringify({ model, messages: messages(content), ...more })

function wrap<Client extends object>(client: Client, affinity: AffinityOptions | null): Client {
  return affinity === null ? client : withAffinity(client, affinity)
}

// The retries of a user who has none: some attempts on a 5xx, a 429 or a broken socket.
async function retried(attempt: () => Promise<Response>): Promise<Response> {
  for (let left = 20; ; left--) {
    try {
      const response = await attempt()
      if (left === 0 || (response.status < 500 && response.status !== 429)) return response
    } catch (error) {
      if (left === 0) throw error
    }
  }
}

function overFetch(send: () => typeof fetch, origin: string, close: () => Promise<void> = done): Connection {
  const post = (options: CallOptions | undefined, body: string): Promise<Response> =>
    retried(() =>
      send()(`${origin}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer test', ...options?.headers },
        body,
      }),
    )
  return {
    call: async (options) => (await post(options, chat(options))).text(),
    stream: async (options) => {
      const response = await post(options, chat(options, { stream: true }))
      if (response.body === null) throw new Error('no body')
      return response.body
    },
    close,
  }
}

function overOpenAI(client: OpenAI): Connection {
  return {
    call: async (options = {}) => {
      const answer = await client.chat.completions.create(
        { model: options.model ?? MODEL, messages: messages(options.content) },
        { headers: options.headers },
      )
      return answer.choices[0]?.message.content ?? ''
    },
    stream: (options = {}) =>
      client.chat.completions.create(
        { model: MODEL, messages: messages(options.content), stream: true },
        { headers: options.headers },
      ),
    close: done,
  }
}

const openaiOptions = (origin: string): ConstructorParameters<typeof OpenAI>[0] => ({
  baseURL: `${origin}/v1`,
  apiKey: 'test',
})

const azure = (origin: string, affinity: AffinityOptions | null, defaultHeaders = {}): Connection =>
  overOpenAI(
    wrap(
      new AzureOpenAI({
        endpoint: origin,
        apiKey: 'test',
        apiVersion: '2026-01-01',
        deployment: 'dep',
        defaultHeaders,
      }),
      affinity,
    ),
  )

const anthropic = (origin: string, affinity: AffinityOptions | null, defaultHeaders = {}): Connection => {
  const client = wrap(new Anthropic({ baseURL: origin, apiKey: 'test', defaultHeaders }), affinity)
  const body = ({ model = MODEL, content }: CallOptions) => ({ model, max_tokens: 16, messages: messages(content) })
  const own = ({ headers }: CallOptions) => ({ headers })
  return {
    call: async (options = {}) => JSON.stringify(await client.messages.create(body(options), own(options))),
    stream: (options = {}) => client.messages.create({ ...body(options), stream: true }, own(options)),
    close: done,
  }
}

const openai = (origin: string, affinity: AffinityOptions | null, defaultHeaders = {}): Connection =>
  overOpenAI(wrap(new OpenAI({ ...openaiOptions(origin), defaultHeaders, maxRetries: 5 }), affinity))

type Undici = typeof undici8
type Interceptors = readonly undici8.Dispatcher.DispatcherComposeInterceptor[]
type Compose = (u: Undici, origin: string, ours: Interceptors) => undici8.Dispatcher

const RETRY = { methods: ['POST' as const], minTimeout: 1, maxRetries: 20, statusCodes: [500, 429] }

// Where our interceptor stands. The last one given to `compose` runs first.
const positions: Record<string, { compose: Compose; retries: boolean; redirects: boolean }> = {
  'on an Agent': {
    compose: (u, _origin, ours) => new u.Agent().compose(...ours),
    retries: false,
    redirects: false,
  },
  'on a Pool': {
    compose: (u, origin, ours) => new u.Pool(origin, { connections: 2 }).compose(...ours),
    retries: false,
    redirects: false,
  },
  'on a Client': {
    compose: (u, origin, ours) => new u.Client(origin).compose(...ours),
    retries: false,
    redirects: false,
  },
  'below retry': {
    compose: (u, _origin, ours) => new u.Agent().compose(...ours, u.interceptors.retry(RETRY)),
    retries: true,
    redirects: false,
  },
  'above retry': {
    compose: (u, _origin, ours) => new u.Agent().compose(u.interceptors.retry(RETRY), ...ours),
    retries: true,
    redirects: false,
  },
  'below RetryAgent': {
    compose: (u, _origin, ours) => new u.RetryAgent(new u.Agent().compose(...ours), RETRY),
    retries: true,
    redirects: false,
  },
  'above RetryAgent': {
    compose: (u, _origin, ours) => new u.RetryAgent(new u.Agent(), RETRY).compose(...ours),
    retries: true,
    redirects: false,
  },
  'below redirect': {
    compose: (u, _origin, ours) => new u.Agent().compose(...ours, u.interceptors.redirect({ maxRedirections: 20 })),
    retries: false,
    redirects: true,
  },
  'above redirect': {
    compose: (u, _origin, ours) => new u.Agent().compose(u.interceptors.redirect({ maxRedirections: 20 }), ...ours),
    retries: false,
    redirects: true,
  },
  'below retry and redirect': {
    compose: (u, _origin, ours) =>
      new u.Agent().compose(...ours, u.interceptors.redirect({ maxRedirections: 20 }), u.interceptors.retry(RETRY)),
    retries: true,
    redirects: true,
  },
  'above redirect and retry': {
    compose: (u, _origin, ours) =>
      new u.Agent().compose(u.interceptors.retry(RETRY), u.interceptors.redirect({ maxRedirections: 20 }), ...ours),
    retries: true,
    redirects: true,
  },
  'between redirect and retry': {
    compose: (u, _origin, ours) =>
      new u.Agent().compose(u.interceptors.redirect({ maxRedirections: 20 }), ...ours, u.interceptors.retry(RETRY)),
    retries: true,
    redirects: true,
  },
}

function undiciSeams(version: string, u: Undici): Integration[] {
  const ours = (affinity: AffinityOptions | null, origin: string): Interceptors =>
    affinity === null ? [] : [affinityInterceptor({ origins: origin, ...affinity })]
  const composed = Object.entries(positions).map(([position, { compose, retries, redirects }]) => ({
    name: `undici ${version}, ${position}`,
    retries,
    redirects,
    seesAttempts: retries && !position.startsWith('above'),
    seesBody: true,
    connect: (origin: string, affinity: AffinityOptions | null): Connection => {
      const dispatcher = compose(u, origin, ours(affinity, origin))
      const request = (options: CallOptions = {}, stream = false): Promise<undici8.Dispatcher.ResponseData> =>
        dispatcher.request({
          origin,
          path: '/v1/chat/completions',
          method: 'POST',
          headers: { 'content-type': 'application/json', ...options.headers },
          body: chat(options, { stream }),
        })
      return {
        call: async (options) => (await request(options)).body.text(),
        stream: async (options) => (await request(options, true)).body,
        // A composed RetryAgent of undici 7 cannot be closed: its private fields are behind compose's Proxy.
        close: () => (position === 'above RetryAgent' ? done() : dispatcher.close()),
      }
    },
  }))
  return [
    ...composed,
    {
      name: `undici ${version}, under its own fetch`,
      retries: true,
      redirects: true,
      seesAttempts: true,
      seesBody: false,
      connect: (origin, affinity) => {
        const dispatcher = new u.Agent().compose(...ours(affinity, origin))
        // The types of undici's fetch and the platform's differ in name only.
        const send = ((input: string, init: undici8.RequestInit) =>
          u.fetch(input, { ...init, dispatcher })) as unknown as typeof fetch
        return overFetch(
          () => send,
          origin,
          () => dispatcher.close(),
        )
      },
    },
    {
      name: `undici ${version}, under the platform’s fetch`,
      retries: true,
      redirects: true,
      seesAttempts: true,
      seesBody: false,
      connect: (origin, affinity) => {
        const before = u.getGlobalDispatcher()
        const dispatcher = new u.Agent().compose(...ours(affinity, origin))
        u.setGlobalDispatcher(dispatcher)
        return overFetch(
          () => fetch,
          origin,
          async () => {
            u.setGlobalDispatcher(before)
            await dispatcher.close()
          },
        )
      },
    },
  ]
}

export const integrations: readonly Integration[] = [
  {
    name: 'affinityFetch',
    retries: true,
    redirects: true,
    seesAttempts: true,
    seesBody: true,
    connect: (origin, affinity) => {
      const send = affinity === null ? fetch : affinityFetch(affinity)
      return overFetch(() => send as typeof fetch, origin)
    },
  },
  {
    name: 'affinityFetch over another fetch',
    retries: true,
    redirects: true,
    followsByHand: true,
    seesAttempts: true,
    seesBody: true,
    connect: (origin, affinity) => {
      const other = undici8.fetch as unknown as typeof fetch
      const send = affinity === null ? other : affinityFetch({ ...affinity, fetch: other })
      return overFetch(() => send as typeof fetch, origin)
    },
  },
  {
    name: 'patchGlobalFetch',
    retries: true,
    redirects: true,
    seesAttempts: true,
    seesBody: true,
    connect: (origin, affinity) => {
      const undo = affinity === null ? () => {} : patchGlobalFetch({ origins: origin, ...affinity })
      return overFetch(
        () => fetch,
        origin,
        async () => undo(),
      )
    },
  },
  {
    name: 'OpenAI',
    retries: true,
    redirects: true,
    seesAttempts: true,
    seesBody: true,
    connect: openai,
    defaults: (origin, headers) => openai(origin, {}, headers),
  },
  {
    name: 'AzureOpenAI',
    retries: true,
    // It follows none, bare or not.
    redirects: false,
    seesAttempts: true,
    seesBody: true,
    connect: azure,
    defaults: (origin, headers) => azure(origin, {}, headers),
  },
  {
    name: 'Anthropic',
    retries: true,
    redirects: true,
    seesAttempts: true,
    seesBody: true,
    connect: anthropic,
    defaults: (origin, headers) => anthropic(origin, {}, headers),
  },
  ...undiciSeams('8', undici8),
  // The two majors differ in types that no test here touches.
  ...undiciSeams('7', undici7 as unknown as Undici),
]

/**
 * One integration of each kind: our own fetch, an SDK client, an interceptor that sees the body, and one that does not. For
 * judgements that are made behind all integrations by the same code; what they hand to that code is tested on each of them.
 */
export const oneOfEachKind: readonly Integration[] = integrations.filter(({ name }) =>
  ['affinityFetch', 'OpenAI', 'undici 8, below retry and redirect', "undici 7, under the platform's fetch"].includes(
    name,
  ),
)
