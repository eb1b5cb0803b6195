import { createRequire } from 'node:module'
import Anthropic from '@anthropic-ai/sdk'
import { ChatOpenAI } from '@langchain/openai'
import {
  affinityFetch,
  affinityHeaders,
  patchGlobalFetch,
  runWithoutSession,
  runWithSession,
  Session,
  withAffinity,
} from 'llm-affinity'
import { affinityInterceptor } from 'llm-affinity/undici'
import OpenAI, { type ClientOptions } from 'openai'
import { describe, expect, it, vi } from 'vitest'

// The AI SDK is a dependency of the examples.
const { createOpenAI } = createRequire(new URL('../../examples/ai-sdk.ts', import.meta.url))('@ai-sdk/openai')

const session = new Session('conversation-42')
const url = 'http://gateway.example:4000/v1/chat/completions'
const client = new OpenAI({ apiKey: 'test' })

describe('a set-up mistake throws a TypeError that names what was expected and what was given', () => {
  const mistakes: [string, () => unknown, RegExp][] = [
    [
      'an unknown gateway',
      () => affinityFetch({ gateway: 'lightllm' as never }),
      /`gateway` to be one of aibrix, .*olla.*, got "lightllm"/,
    ],
    [
      'a misspelt gateway',
      () => affinityFetch({ gateway: 'litelm' as never }),
      /, got "litelm". Did you mean 'litellm'\?/,
    ],
    ['swapped letters', () => affinityFetch({ gateway: 'ngnix' as never }), /Did you mean 'nginx'\?/],
    ['a hyphen too many', () => affinityFetch({ gateway: 'Open-Router' as never }), /Did you mean 'openrouter'\?/],
    ['a name like no other', () => affinityFetch({ gateway: 'ollama-cloud' as never }), /, got "ollama-cloud"$/],
    [
      'a number as the gateway',
      () => affinityFetch({ gateway: 7 as never }),
      /`gateway` to be a name or a row, got a number/,
    ],
    [
      'a row without a name',
      () => affinityFetch({ gateway: { headers: ['x-a'] } as never }),
      /`gateway.name` to be a string/,
    ],
    [
      'a row without headers',
      () => affinityFetch({ gateway: { name: 'a', headers: [] } }),
      /`gateway` to have a header or a `body`, got neither/,
    ],
    [
      'an invalid header name',
      () => affinityFetch({ gateway: { name: 'a', headers: ['x session'] } }),
      /`gateway.headers` .*, got \["x session"\]/,
    ],
    [
      'an invalid host',
      () => affinityFetch({ gateway: { name: 'a', headers: ['x-a'], hosts: ['http://a'] } }),
      /`gateway.hosts` .*, got \["http:\/\/a"\]/,
    ],
    [
      'an origin that is not a URL',
      () => affinityFetch({ origins: 'gateway:4000/v1' }),
      /`origins` to be http\(s\) URLs, .*, got "gateway:4000\/v1". Write \{ origins: "http:\/\/gateway:4000" \}/,
    ],
    [
      'an origin of another scheme',
      () => affinityFetch({ origins: ['ftp://gateway'] }),
      /`origins` .*, got "ftp:\/\/gateway"/,
    ],
    ['no origin at all', () => affinityFetch({ origins: [] }), /`origins` to name at least one URL/],
    ['a number as an origin', () => affinityInterceptor({ origins: [4000 as never] }), /`origins` .*, got a number/],
    [
      'a session that is an id',
      () => affinityFetch({ session: 'conversation-42' as never }),
      /`session` to be a Session, got a string. Write new Session\(id\) or Session.from\(state\)/,
    ],
    [
      'a string as the options',
      () => affinityInterceptor('olla' as never),
      /options to be an object such as .*, got a string/,
    ],
    [
      'a fetch that is not a function',
      () => affinityFetch({ fetch: {} as never }),
      /`fetch` to be a function, got an object/,
    ],
    ['an interceptor without options', () => affinityInterceptor(undefined as never), /options to be an object/],
    [
      'an interceptor without origins',
      () => affinityInterceptor({} as never),
      /`origins` to name where keys may go, got undefined. Write affinityInterceptor\(\{ origins: /,
    ],
    ['an interceptor with an empty list of origins', () => affinityInterceptor({ origins: [] }), /at least one URL/],
    [
      'a pattern in origins',
      () => affinityFetch({ origins: 'https://*.example.com' }),
      /without patterns, got "https:/,
    ],
    [
      'options that are a list',
      () => affinityFetch(['http://gateway:4000'] as never),
      /options to be an object .*, got an array/,
    ],
    [
      'a misspelled option',
      () => affinityInterceptor({ origin: 'http://gateway:4000' } as never),
      /options to be .*, got "origin"/,
    ],
    [
      'a patch without origins',
      () => patchGlobalFetch({} as never),
      /`origins` to name where keys may go, got undefined. Write patchGlobalFetch\(\{ origins: "http:\/\/gateway:4000" \}\)/,
    ],
    [
      'a patch without options',
      () => patchGlobalFetch(undefined as never),
      /options to be an object .*, got undefined/,
    ],
    [
      'affinityHeaders with an unknown gateway',
      () => affinityHeaders(url, { gateway: 'nope' as never }),
      /`gateway` to be one of/,
    ],
    [
      'no client',
      () => withAffinity(undefined as never),
      /`client` to be an SDK client .*, got undefined. Write withAffinity\(new OpenAI\(\)\)/,
    ],
    [
      'the options of a client',
      () => withAffinity({ baseURL: 'http://gateway:4000/v1', apiKey: 'test' }),
      /`client` to be an SDK client .*, got an object. Write withAffinity\(new OpenAI\(\)\)/,
    ],
    [
      'a client that cannot be copied',
      () => withAffinity(new Headers()),
      /`client` to be an SDK client \(OpenAI 4, .* or later\), got an instance of Headers. Give its constructor \{ fetch: affinityFetch\(\) \}/,
    ],
    [
      'a class instead of a client',
      () => withAffinity(Anthropic),
      /`client` to be an SDK client .*, got a function. Write withAffinity\(new Anthropic\(\)\)/,
    ],
    [
      'a function that makes a client',
      () => withAffinity(() => client),
      /got a function. Write withAffinity\(new OpenAI\(\)\)/,
    ],
    [
      'a promise of a client',
      () => withAffinity(Promise.resolve(client)),
      /got an instance of Promise. Await it first/,
    ],
    [
      'a provider of the AI SDK',
      () => withAffinity(createOpenAI({ apiKey: 'test' })),
      /got a function. Write createOpenAI\(\{ fetch: affinityFetch\(\) \}\)/,
    ],
    [
      'a model of the AI SDK',
      () => withAffinity(createOpenAI({ apiKey: 'test' })('m')),
      /got an instance of \w+. Write createOpenAI\(/,
    ],
    ['a class of LangChain', () => withAffinity(ChatOpenAI), /got a function. Use the withAffinity of .*\/langchain/],
    [
      'a LangChain model',
      () => withAffinity(new ChatOpenAI({ apiKey: 'test' })),
      /got an instance of ChatOpenAI. Use the withAffinity of llm-affinity\/langchain/,
    ],
  ]
  mistakes.push(
    [
      'an unknown option',
      () => affinityFetch({ origin: 'http://a' } as never),
      /options to be among `gateway`, `origins`, `session`, `onOutcome`, `use`, `warnBypassed`, `warnNoSession`, `fetch`, got "origin"/,
    ],
    ['an option of another integration', () => withAffinity(client, { fetch } as never), /got "fetch"/],
    ...[url, new URL(url), new Request(url), client].map((given): [string, () => unknown, RegExp] => [
      `affinityFetch that is called as the fetch itself, or with a client: ${given.constructor.name}`,
      () => affinityFetch(given as never),
      /options, got .*. Write fetch: affinityFetch\(\), or withAffinity\(client\)/,
    ]),
    [
      'a promise in place of a function',
      () => runWithSession('conversation-42', Promise.resolve() as never),
      /`fn` to be a function, got an instance of Promise. Write \(\) => …/,
    ],
    [
      'no function',
      () => runWithoutSession(undefined as never),
      /`fn` to be a function, got undefined. Write \(\) => …/,
    ],
    [
      'an unknown option of a session',
      () => new Session('a', { tenant: 'b' } as never),
      /`namespace`, `secret`, got "tenant"/,
    ],
    [
      'a secret that is not set',
      () => new Session('a', { secret: undefined as never }),
      /`secret` to be a string that is not empty, got undefined/,
    ],
    [
      'a header that frames a request',
      () => affinityFetch({ gateway: { name: 'a', headers: ['Content-Length'] } }),
      /free to carry a key, got \["Content-Length"\]/,
    ],
    [
      'a header that authenticates the sender',
      () => affinityFetch({ gateway: { name: 'a', headers: ['authorization'] } }),
      /free to carry a key/,
    ],
    [
      'affinityHeaders without a valid URL',
      () => affinityHeaders('gateway:4000/v1'),
      /`url` to be an http\(s\) or ws\(s\) URL .*, got "gateway:4000\/v1"/,
    ],
    [
      'a patch with a URL as its options',
      () => patchGlobalFetch('http://a' as never),
      /options to be an object such as .*, got a string/,
    ],
  )
  it.each(mistakes)('%s', (_what, mistake, message) => {
    expect(mistake).toThrow(TypeError)
    expect(mistake).toThrow(/^Expected /)
    expect(mistake).toThrow(message)
  })

  it('never shows an id or a key', () => {
    const secret = 'sk-very-secret-conversation'
    const attempts = [
      () => affinityFetch({ session: secret as never }),
      () => Session.from(secret as never),
      () => new Session([secret] as never),
    ]
    for (const attempt of attempts) {
      expect(attempt).toThrow(TypeError)
      expect(attempt).not.toThrow(secret)
    }
  })

  it('a client whose own withOptions returns something else, or throws, is not wrapped silently', () => {
    class Renamed extends OpenAI {
      override withOptions(): this {
        return new OpenAI({ apiKey: 'test' }) as this
      }
    }
    class Moved extends OpenAI {
      override withOptions(options: ClientOptions): this {
        return super.withOptions({ ...options, baseURL: 'http://elsewhere.example/v1' })
      }
    }
    expect(() => withAffinity(new Moved({ apiKey: 'test' }))).toThrow(/that would lose its class or base URL/)
    class Strict extends OpenAI {
      constructor(tenant: string, options: object) {
        if (typeof tenant !== 'string') throw new Error('a tenant, please')
        super(options)
      }
    }
    expect(() => withAffinity(new Renamed({ apiKey: 'test' }))).toThrow(
      /that its own `withOptions` or constructor copies/,
    )
    expect(() => withAffinity(new Strict('acme', { apiKey: 'test' }))).toThrow(
      /an instance of Strict that threw when it was copied/,
    )
  })
})

describe('withAffinity', () => {
  it('returns the same class, and does not change the client', () => {
    const before = { ...client }
    const wrapped = withAffinity(client)
    expect(wrapped).toBeInstanceOf(OpenAI)
    expect(wrapped).not.toBe(client)
    expect({ ...client }).toEqual(before)
    expect(withAffinity(new Anthropic({ apiKey: 'test' }))).toBeInstanceOf(Anthropic)
  })

  it('shares no mutable object with the client', () => {
    const options = { apiKey: 'test', defaultQuery: { q: '1' }, fetchOptions: { keepalive: true } }
    for (const original of [
      new OpenAI({ ...options, defaultHeaders: { a: 'b' } }),
      new OpenAI({ ...options, defaultHeaders: new Headers({ a: 'b' }) }),
      new OpenAI({ ...options, defaultHeaders: [['a', 'b']] }),
      new Anthropic({ ...options, defaultHeaders: { a: 'b' } }),
    ]) {
      const copy = withAffinity<OpenAI | Anthropic>(original)
      expect(copy.fetchOptions).toEqual(original.fetchOptions)
      expect(copy.fetchOptions).not.toBe(original.fetchOptions)
      const [held, holds] = [Reflect.get(original, '_options'), Reflect.get(copy, '_options')]
      for (const name of ['defaultHeaders', 'defaultQuery']) {
        expect(holds[name]).toEqual(held[name])
        expect(new Headers(holds.defaultHeaders).get('a')).toBe('b')
        expect(holds[name]).not.toBe(held[name])
      }
    }
  })
})

describe('affinityInterceptor', () => {
  it.each([
    ['only in the body', [], 1],
    ['in a header too', ['x-key'], 0],
  ])('warns only where it cannot stamp: the key goes %s', (_where, headers, warnings) => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const name = `body-gateway-${warnings}`
    affinityInterceptor({ origins: 'http://a', gateway: { name, headers, body: { field: 'key', paths: ['/chat'] } } })
    expect(warned).toHaveBeenCalledTimes(warnings)
    warned.mockRestore()
  })
})

describe('affinityHeaders', () => {
  it('returns the headers that a call would be stamped with', () => {
    const both = { 'x-session-id': 'conversation-42', 'x-litellm-session-id': 'conversation-42' }
    expect(session.run(() => affinityHeaders(url))).toEqual(both)
    expect(affinityHeaders(new URL(url), { session })).toEqual(both)
    expect(affinityHeaders('ws://gateway.example:4000/realtime', { session, origins: url })).toEqual({})
    expect(affinityHeaders('wss://a/realtime', { session, origins: 'https://a' })).toEqual(both)
    expect(affinityHeaders(url, { session, gateway: 'olla' })).toEqual({ 'x-olla-session-id': 'conversation-42' })
  })

  it('are none without a session, in a side call, and elsewhere', () => {
    expect(affinityHeaders(url)).toEqual({})
    expect(session.run(() => runWithoutSession(() => affinityHeaders(url)))).toEqual({})
    expect(affinityHeaders(url, { session, origins: 'http://other.example' })).toEqual({})
    expect(affinityHeaders('http://[::1]/oauth/token', { session })).toEqual({})
  })

  it.each([
    ['https://openrouter.ai/api/v1', ['x-session-id']],
    ['https://api.cloudflare.com/client/v4/accounts/a/ai/v1', ['x-session-affinity']],
    ['https://team--app.modal.run/v1', ['modal-session-id']],
    ['https://modal.run.evil.example/v1', ['x-session-id', 'x-litellm-session-id']],
    ['https://openrouter.ai.evil.example/v1', ['x-session-id', 'x-litellm-session-id']],
  ])('finds a provider by its host: %s', (at, names) => {
    expect(Object.keys(affinityHeaders(at, { session }))).toEqual(names)
  })
})

describe('origins', () => {
  const covered = (at: string, origins: string | string[]): boolean =>
    Object.keys(affinityHeaders(at, { session, origins })).length > 0

  it.each([
    ['https://gateway.example/v1/chat', 'https://gateway.example'],
    ['https://GATEWAY.example:443/v1/chat', 'https://gateway.example/'],
    ['https://gateway.example/v1', 'https://gateway.example/v1'],
    ['https://gateway.example/v1/chat?a=b', 'https://gateway.example/v1/'],
    ['https://gateway.example/v1?x', 'https://gateway.example/v1'],
    ['http://[::1]:4000/v1', 'http://[::1]:4000'],
  ])('cover %s by %s', (at, origin) => {
    expect(covered(at, origin)).toBe(true)
    expect(covered(at, ['http://127.0.0.1:1', origin])).toBe(true)
  })

  it.each([
    ['https://gateway.example.evil.com/v1', 'https://gateway.example'],
    ['https://evil.com/?u=https://gateway.example', 'https://gateway.example'],
    ['https://evil.com/https://gateway.example/', 'https://gateway.example'],
    ['https://gateway.example@evil.com/v1', 'https://gateway.example'],
    ['https://evil.com#https://gateway.example', 'https://gateway.example'],
    ['http://gateway.example/v1', 'https://gateway.example'],
    ['https://gateway.example:8443/v1', 'https://gateway.example'],
    ['https://gateway.example/v1beta', 'https://gateway.example/v1'],
    ['https://gateway.example/v1/../admin', 'https://gateway.example/v1'],
    ['https://gateway.example/v1/%2e%2e/admin', 'https://gateway.example/v1'],
    ['https://gateway.example', 'https://gateway.example/v1'],
    ['https://sub.gateway.example/v1', 'https://gateway.example'],
  ])('do not cover %s by %s', (at, origin) => {
    expect(covered(at, origin)).toBe(false)
  })

  it('never cover a token endpoint', () => {
    for (const path of ['/v1/oauth/token', '/oauth2/token', '/tenant/oauth2/v2.0/token', '/oauth/token/']) {
      expect(covered(`https://gateway.example${path}`, 'https://gateway.example')).toBe(false)
    }
  })
})
