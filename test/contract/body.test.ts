import { type AffinityOptions, runWithoutSession, runWithSession } from 'llm-affinity'
import { describe, expect, it } from 'vitest'
import { before, json, KEY, member, PATH, row, ways } from '../support/bodies.ts'
import { recorder } from '../support/recorder.ts'

const home = await recorder()

type Headed = NonNullable<RequestInit['headers']>

const both = { ...row, headers: ['x-conversation'] }

const turn = { model: 'test-model', messages: [{ role: 'user', content: 'Grüße, 世界 🌍, "quoted" \\ \n\u2028 </s>' }] }
const large = 'read {"this": [and, "that"]} and }{ \\" go on. '.repeat(50_000)
const texts: [string, string][] = [
  ['compact', JSON.stringify(turn)],
  ['indented', JSON.stringify(turn, null, 2)],
  ['indented by tabs, with whitespace around it', ` \n${JSON.stringify(turn, null, '\t')}\r\n\t `],
  ['empty', '{}'],
  ['empty, with a space in it', '{ }'],
  ['with escapes in its names', '{"mod\\u0065l":"m","\\u0000":1}'],
  ['with the name in a prompt', JSON.stringify({ ...turn, prompt: 'set "prompt_cache_key":"mine" please' })],
  ['with the name as a value', JSON.stringify({ a: 'prompt_cache_key', b: ['prompt_cache_key'] })],
  [
    'with the name at a deeper level',
    JSON.stringify({ metadata: { prompt_cache_key: 'theirs' }, a: [{ prompt_cache_key: 1 }] }),
  ],
  ['with similar names', JSON.stringify({ prompt_cache_key_: 1, Prompt_Cache_Key: 2, ' prompt_cache_key': 3 })],
  ['of megabytes', JSON.stringify({ ...turn, messages: [{ role: 'user', content: large }], stream: true })],
  ['of megabytes, with the name in it', JSON.stringify({ a: large, b: 'prompt_cache_key', c: [large] })],
]

const theirs: [string, string][] = [
  ['a text', '{"model":"m","prompt_cache_key":"mine"}'],
  ['null', '{"prompt_cache_key":null,"model":"m"}'],
  ['an object', '{"prompt_cache_key":{"a":"}"}}'],
  ['spaced', '{\n  "model" : "m" ,\n  "prompt_cache_key" : "mine"\n}'],
  ['with an escape at the start of its name', '{"\\u0070rompt_cache_key":"mine"}'],
  ['with an escape within its name', '{"model":"m","prompt\\u005Fcache_key":"mine"}'],
  [
    'with its whole name escaped',
    `{"${Array.from('prompt_cache_key', (c) => `\\u00${c.charCodeAt(0).toString(16)}`).join('')}":"mine"}`,
  ],
  ['twice', '{"prompt_cache_key":"mine","model":"m","prompt_cache_key":"other"}'],
  ['in front of megabytes', JSON.stringify({ prompt_cache_key: 'mine', a: large })],
  ['between megabytes', JSON.stringify({ a: large, prompt_cache_key: 'mine', b: large })],
  ['behind megabytes', JSON.stringify({ a: large, b: { c: [large] }, prompt_cache_key: 'mine' })],
]

describe.each(Object.entries(ways))('%s', (_name, way) => {
  async function sent(
    body: RequestInit['body'] | undefined,
    options: AffinityOptions = { gateway: row },
    init: RequestInit = {},
  ) {
    const send = way(home.origin, options)
    const given = { method: 'POST', headers: json, ...(body !== undefined && { body }), ...init }
    await runWithSession(KEY, () => send(`${home.origin}${PATH}`, given)).then((answer) => answer.arrayBuffer())
    const request = home.requests.at(-1)
    if (request === undefined) throw new Error('a request')
    return request
  }

  it.each(texts)(
    'writes the field once into a body that is %s, and keeps the rest byte for byte',
    async (_what, text) => {
      const request = await sent(text)
      expect(request.text() === before(text)).toBe(true)
      expect(request.json()).toEqual({ ...JSON.parse(text), prompt_cache_key: KEY })
      expect(request.header('content-length')).toBe(String(Buffer.byteLength(before(text))))
    },
  )

  it.each(theirs)('keeps the caller’s own field: %s', async (_what, text) => {
    expect((await sent(text)).text() === text).toBe(true)
    // The header and the field form one stamp: both are written or neither is.
    const request = await sent(text, { gateway: both })
    expect(request.text() === text).toBe(true)
    expect(request.header('x-conversation')).toBeUndefined()
  })

  it('writes no field if the caller has set the header that goes with it', async () => {
    const text = JSON.stringify(turn)
    const request = await sent(text, { gateway: both }, { headers: { ...json, 'X-Conversation': 'mine' } })
    expect(request.text()).toBe(text)
    expect(request.header('x-conversation')).toBe('mine')
    expect((await sent(text, { gateway: both })).header('x-conversation')).toBe(KEY)
  })

  it.each([[{ 'Content-Length': '@' }], [new Headers({ 'content-length': '@' })], [[['content-LENGTH', '@']]]])(
    'corrects a content-length that the caller set',
    async (given) => {
      const text = JSON.stringify(turn)
      const list = [...new Headers(given as Headed), ['content-type', 'application/json']]
      const counted = list.map(([name = '', value = '']) => [name, value.replace('@', String(Buffer.byteLength(text)))])
      const headers = Array.isArray(given)
        ? counted
        : given instanceof Headers
          ? new Headers(counted as [string, string][])
          : Object.fromEntries(counted)
      const shown = JSON.stringify([...new Headers(headers as Headed)])
      const request = await sent(text, { gateway: row }, { headers: headers as Headed })
      expect(request.text()).toBe(before(text))
      expect(request.header('content-length')).toBe(String(Buffer.byteLength(before(text))))
      expect(JSON.stringify([...new Headers(headers as Headed)])).toBe(shown)
    },
  )

  it.each(['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/vnd.api+json'])(
    'reads %s as JSON',
    async (type) => {
      expect((await sent('{}', undefined, { headers: { 'Content-Type': type } })).text()).toBe(`{${member}}`)
    },
  )

  const form = (): FormData => {
    const data = new FormData()
    data.set('model', '{}')
    return data
  }
  const others: [string, () => RequestInit['body'], Headed?][] = [
    ['a stream', () => new Blob(['{"model":"m"}']).stream()],
    ['a form', form, {}],
    ['parameters', () => new URLSearchParams('{}='), {}],
    ['a Blob', () => new Blob(['{"model":"m"}'])],
    ['bytes', () => new TextEncoder().encode('{"model":"m"}')],
    ['a buffer', () => new TextEncoder().encode('{"model":"m"}').buffer],
    ['a list', () => '[{"model":"m"}]'],
    ['a text in quotes', () => '"{}"'],
    ['a number', () => '42'],
    ['nothing', () => ''],
    ['incomplete JSON', () => '{"model":'],
    ['prose in braces', () => '{the model}'],
    ['two objects', () => '{"a":1}{"b":2}'],
    ['a truncated object', () => '{"model":"m","messages":[{"role":"user"}'],
    ['an object with something after it', () => '{"model":"m"},{}'],
    ['an object after a byte order mark', () => '\uFEFF{"model":"m"}'],
    ['JSON with a comment', () => '{"model":"m" /* the model */}'],
    ['JSON by lines', () => '{"a":1}\n{"b":2}', { 'content-type': 'text/plain' }],
    ['a text without a type', () => '{"model":"m"}', {}],
    ['a text of another type', () => '{"model":"m"}', { 'content-type': 'text/plain' }],
  ]
  it.each(others)('does not change a body that is %s', async (_what, body, headers = json) => {
    const init = { headers, duplex: 'half' } as RequestInit
    const request = await sent(body(), { gateway: row }, init)
    expect(request.text()).not.toContain(KEY)
    const bare = await runWithoutSession(() =>
      fetch(`${home.origin}${PATH}`, { ...init, method: 'POST', body: body() ?? null }),
    )
    await bare.arrayBuffer()
    const [ours, expected] = home.requests
    const boundless = (text: string | undefined): string | undefined => text?.replaceAll(/formdata-undici-\d+/g, '')
    expect(boundless(ours?.text())).toBe(boundless(expected?.text()))
    for (const name of ['content-type', 'content-length', 'transfer-encoding']) {
      expect(boundless(ours?.header(name)), name).toBe(boundless(expected?.header(name)))
    }
  })

  it('does not change the body of a Request, or a request without a body', async () => {
    const send = way(home.origin, { gateway: row })
    const request = new Request(`${home.origin}${PATH}`, { method: 'POST', headers: json, body: '{"model":"m"}' })
    await runWithSession(KEY, () => send(request))
    await runWithSession(KEY, () => send(`${home.origin}${PATH}`, { headers: json }))
    await runWithSession(KEY, () => send(`${home.origin}${PATH}`, { method: 'POST', headers: json, body: null }))
    expect(home.requests.map((each) => each.text())).toEqual(['{"model":"m"}', '', ''])
  })

  it('writes into the body of an init that overrides a Request’s', async () => {
    const send = way(home.origin, { gateway: row })
    const request = new Request(`${home.origin}${PATH}`, { method: 'POST', headers: json, body: '{"model":"m"}' })
    await runWithSession(KEY, () => send(request, { body: '{"model":"other"}' }))
    expect(home.requests[0]?.text()).toBe(`{${member},"model":"other"}`)
  })

  it.each([
    '/v1/embeddings',
    '/v1/chat/completions/42',
    '/v1/chat/completion',
    '/v1/chat/completions-beta',
    '/chat/completions',
    '/v1/models?/v1/chat/completions',
  ])('does not write the field at %s', async (path) => {
    const send = way(home.origin, { gateway: row })
    await runWithSession(KEY, () => send(`${home.origin}${path}`, { method: 'POST', headers: json, body: '{}' }))
    expect(home.requests[0]?.text()).toBe('{}')
  })

  it.each(['/v1/chat/completions?api-version=1', '/gateway/openai/v1/chat/completions#top'])(
    'writes the field at %s',
    async (path) => {
      const send = way(home.origin, { gateway: row })
      await runWithSession(KEY, () => send(`${home.origin}${path}`, { method: 'POST', headers: json, body: '{}' }))
      expect(home.requests[0]?.text()).toBe(`{${member}}`)
    },
  )
})
