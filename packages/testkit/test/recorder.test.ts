import { Agent, type RequestOptions, request } from 'node:http'
import Anthropic from '@anthropic-ai/sdk'
import { callTool, cut, fail, rateLimited, redirectTo, reset, say, stall, startRecorder } from 'llm-affinity-testkit'
import OpenAI, { AzureOpenAI } from 'openai'
import { describe, expect, test } from 'vitest'

const messages = [{ role: 'user' as const, content: 'five words are in here' }]
const chat = { model: 'any-model', messages }
const message = { ...chat, max_tokens: 10 }
const text = 'Received and recorded.'

const openai = (baseURL: string) => new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 })
const anthropic = (baseURL: string) => new Anthropic({ baseURL, apiKey: 'none', maxRetries: 0 })

describe('the answers that real clients parse', () => {
  test('are chat completions, plain and streamed, with usage on request', async () => {
    await using server = await startRecorder()
    const client = openai(server.baseURL)
    const plain = await client.chat.completions.create(chat)
    expect(plain.choices[0]?.message.content).toBe(text)
    expect(plain.usage?.prompt_tokens).toBe(5)
    const streamed = client.chat.completions.stream({ ...chat, stream_options: { include_usage: true } })
    expect(await streamed.finalContent()).toBe(text)
    expect((await streamed.totalUsage()).prompt_tokens).toBe(5)
  })

  test('are responses, plain and streamed', async () => {
    await using server = await startRecorder()
    const client = openai(server.baseURL)
    const ask = { model: 'any-model', instructions: 'Be brief.', input: 'three more words' }
    const plain = await client.responses.create(ask)
    expect(plain.output_text).toBe(text)
    expect(plain.usage?.input_tokens).toBe(5)
    const streamed = await client.responses.stream(ask).finalResponse()
    expect(streamed.output_text).toBe(text)
    expect(streamed.usage?.input_tokens).toBe(5)
  })

  test('are embeddings, in both encodings', async () => {
    await using server = await startRecorder()
    const client = openai(server.baseURL)
    const packed = await client.embeddings.create({ model: 'any-model', input: ['one', 'two'] })
    const plain = await client.embeddings.create({ model: 'any-model', input: 'one', encoding_format: 'float' })
    expect(packed.data).toHaveLength(2)
    expect([...(packed.data[0]?.embedding ?? [])]).toEqual(plain.data[0]?.embedding)
  })

  test('are messages, plain and streamed', async () => {
    await using server = await startRecorder()
    const client = anthropic(server.origin)
    const plain = await client.messages.create(message)
    expect(plain.content).toMatchObject([{ type: 'text', text }])
    expect(plain.usage).toMatchObject({ input_tokens: 5, cache_read_input_tokens: 0 })
    expect(await client.messages.stream(message).finalText()).toBe(text)
  })

  test('are the list of models', async () => {
    await using server = await startRecorder({ models: ['one', 'two'] })
    expect((await openai(server.baseURL).models.list()).data.map(({ id }) => id)).toEqual(['one', 'two'])
    expect((await anthropic(server.origin).models.list()).data.map(({ id }) => id)).toEqual(['one', 'two'])
  })

  test('are served on the paths of Azure too', async () => {
    await using server = await startRecorder()
    const azure = new AzureOpenAI({ endpoint: server.origin, apiKey: 'none', apiVersion: '2025-03-01-preview' })
    await azure.chat.completions.create(chat)
    await azure.embeddings.create({ model: 'any-model', input: 'one' })
    await azure.responses.create({ model: 'any-model', input: 'one' })
    expect(server.requests.map(({ path }) => path.split('?')[0])).toEqual([
      '/openai/deployments/any-model/chat/completions',
      '/openai/deployments/any-model/embeddings',
      '/openai/responses',
    ])
  })

  test('are tool calls, plain and streamed, in every format', async () => {
    await using server = await startRecorder()
    const [chats, claude] = [openai(server.baseURL), anthropic(server.origin)]
    const input = { path: 'a b' }
    server.script(...Array.from({ length: 6 }, () => callTool('read', input)))

    const calls = [
      (await chats.chat.completions.create(chat)).choices[0]?.message.tool_calls?.[0],
      (await chats.chat.completions.stream(chat).finalMessage()).tool_calls?.[0],
    ]
    for (const call of calls) expect(call).toMatchObject({ function: { name: 'read', arguments: '{"path":"a b"}' } })
    const outputs = [
      (await chats.responses.create({ model: 'any-model', input: 'x' })).output[0],
      (await chats.responses.stream({ model: 'any-model', input: 'x' }).finalResponse()).output[0],
    ]
    for (const output of outputs) expect(output).toMatchObject({ name: 'read', arguments: '{"path":"a b"}' })
    const blocks = [
      (await claude.messages.create(message)).content[0],
      (await claude.messages.stream(message).finalMessage()).content[0],
    ]
    for (const block of blocks) expect(block).toMatchObject({ type: 'tool_use', name: 'read', input })
  })

  test('are calls of the tool that the request forces', async () => {
    await using server = await startRecorder()
    const tools = [{ type: 'function' as const, function: { name: 'look', parameters: {} } }]
    const { choices } = await openai(server.baseURL).chat.completions.create({
      ...chat,
      tools,
      tool_choice: 'required',
    })
    expect(choices[0]?.message.tool_calls?.[0]).toMatchObject({ function: { name: 'look' } })
    const demanded = {
      tools: [{ name: 'see', input_schema: { type: 'object' as const } }],
      tool_choice: { type: 'any' as const },
    }
    const answer = await anthropic(server.origin).messages.create({ ...message, ...demanded })
    expect(answer.content[0]).toMatchObject({ type: 'tool_use', name: 'see' })
  })
})

describe('the record of a request', () => {
  test('keeps letter case, order, repetitions, query and bytes as they were sent', async () => {
    await using server = await startRecorder()
    const headers = ['Host', 'x', 'X-CaseD', 'one', 'x-cased', 'two', 'Content-Length', '4']
    await send(`${server.origin}/any/where?a=%20b`, { method: 'PUT', headers }, Buffer.from([0, 255, 13, 10]))
    const [got] = server.requests
    expect(got?.method).toBe('PUT')
    expect(got?.path).toBe('/any/where?a=%20b')
    expect(got?.rawHeaders.slice(0, 4)).toEqual([
      ['Host', 'x'],
      ['X-CaseD', 'one'],
      ['x-cased', 'two'],
      ['Content-Length', '4'],
    ])
    expect(got?.header('X-CASED')).toBe('one, two')
    expect(got?.header('absent')).toBeUndefined()
    expect([...(got?.body ?? [])]).toEqual([0, 255, 13, 10])
  })

  test('includes unknown paths, which get a 404 that names them', async () => {
    await using server = await startRecorder()
    const answer = await fetch(`${server.origin}/v2/nothing`)
    expect(answer.status).toBe(404)
    expect(await answer.text()).toContain('GET /v2/nothing')
    expect(server.requests).toHaveLength(1)
  })

  test('includes a body that is not JSON, which gets a 400', async () => {
    await using server = await startRecorder()
    const answer = await fetch(`${server.baseURL}/chat/completions`, { method: 'POST', body: '{' })
    expect(answer.status).toBe(400)
    expect(server.requests[0]?.text()).toBe('{')
    expect(() => server.requests[0]?.json()).toThrow(SyntaxError)
  })

  test('shows that a socket was reused', async () => {
    await using server = await startRecorder()
    const one = new Agent({ keepAlive: true, maxSockets: 1 })
    await Promise.all([1, 2, 3].map(() => send(server.origin, { agent: one })))
    await send(server.origin, { agent: false })
    one.destroy()
    expect(server.requests.map(({ connection }) => connection)).toEqual([1, 1, 1, 2])
  })

  test('is dropped beyond keepRequests and by clear', async () => {
    await using server = await startRecorder({ keepRequests: 2 })
    for (const name of ['a', 'b', 'c']) await (await fetch(`${server.origin}/${name}`)).text()
    expect(server.requests.map(({ path }) => path)).toEqual(['/b', '/c'])
    expect(server.received).toBe(3)
    server.script(fail(500))
    server.clear()
    expect([server.requests.length, server.received]).toEqual([0, 0])
    expect((await fetch(`${server.baseURL}/models`)).status).toBe(200)
  })
})

describe('a script', () => {
  test('applies one step to each request, in order, and then ends', async () => {
    await using server = await startRecorder()
    server.script(fail(500, 2), rateLimited(7))
    server.script(say('as told'))
    const ask = () => fetch(`${server.baseURL}/chat/completions`, { method: 'POST', body: JSON.stringify(chat) })
    const answers = [await ask(), await ask(), await ask(), await ask(), await ask()]
    expect(answers.map(({ status }) => status)).toEqual([500, 500, 429, 200, 200])
    expect(answers[2]?.headers.get('retry-after')).toBe('7')
    expect(await answers[3]?.text()).toContain('as told')
    expect(await answers[4]?.text()).toContain(text)
  })

  test('makes a client retry after an error, a rate limit and a reset', async () => {
    await using server = await startRecorder()
    const soon = { 'retry-after-ms': '1' }
    server.script({ status: 500, headers: soon }, { status: 429, headers: soon }, reset(), stall(1))
    const client = new OpenAI({ baseURL: server.baseURL, apiKey: 'none', maxRetries: 3 })
    const { choices } = await client.chat.completions.create(chat)
    expect(choices[0]?.message.content).toBe(text)
    expect(server.requests).toHaveLength(4)
  })

  test('redirects with the given status', async () => {
    await using server = await startRecorder()
    server.script(redirectTo('/v1/models', 303), redirectTo('/v1/models'))
    const seen = await fetch(`${server.origin}/a`, { redirect: 'manual' })
    expect([seen.status, seen.headers.get('location')]).toEqual([303, '/v1/models'])
    expect((await fetch(`${server.origin}/b`)).status).toBe(200)
    expect(server.requests.map(({ path }) => path)).toEqual(['/a', '/b', '/v1/models'])
  })

  test('cuts a stream after exactly the given number of events', async () => {
    await using server = await startRecorder()
    for (const events of [0, 1, 3]) {
      server.script(cut(events))
      const answer = await fetch(`${server.baseURL}/chat/completions`, {
        method: 'POST',
        body: JSON.stringify({ ...chat, stream: true }),
      })
      let got = ''
      const read = async () => {
        for await (const bytes of answer.body ?? []) got += Buffer.from(bytes).toString()
      }
      await expect(read()).rejects.toThrow()
      expect(got.match(/^data: /gm) ?? []).toHaveLength(events)
    }
  })

  test('ends a stalled answer when the server closes', async () => {
    const server = await startRecorder()
    server.script(stall(1_000_000))
    const stalled = fetch(`${server.baseURL}/models`)
    while (server.received === 0) await new Promise(setImmediate)
    await Promise.all([server.close(), expect(stalled).rejects.toThrow()])
  })
})

test('does not replace the global Request and Response', async () => {
  const { Request, Response } = globalThis
  await using server = await startRecorder()
  await (await fetch(server.origin)).text()
  expect([globalThis.Request, globalThis.Response]).toEqual([Request, Response])
})

test('names a wrong argument', async () => {
  await expect(startRecorder({ port: -1 })).rejects.toThrow('Expected `port` to be a port number')
  await expect(startRecorder({ models: [''] })).rejects.toThrow('Expected `models` to be a list of non-empty strings')
  await expect(startRecorder({ keepRequests: 1.5 })).rejects.toThrow(TypeError)
  await using server = await startRecorder()
  expect(() => server.script({} as never)).toThrow('Expected a step with one of')
  expect(() => fail(200)).toThrow('Expected `status` to be from 400 to 599, got 200')
  expect(() => redirectTo('/', 200)).toThrow(TypeError)
  expect(() => stall(-1)).toThrow(TypeError)
  expect(() => cut(0.5)).toThrow(TypeError)
  expect(() => callTool('')).toThrow(TypeError)
  expect(() => rateLimited(Number.NaN)).toThrow(TypeError)
  const port = Number(new URL(server.origin).port)
  await expect(startRecorder({ port })).rejects.toThrow('EADDRINUSE')
})

/** By `node:http`, which sends what it is told and nothing else. */
function send(url: string, options: RequestOptions, body?: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(url, options, (answer) => answer.resume().on('end', resolve))
    sent.on('error', reject).end(body)
  })
}
