import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import Anthropic from '@anthropic-ai/sdk'
import { runWithoutSession, runWithSession, Session, withAffinity } from 'llm-affinity'
import { CacheDiagnostics, type Diagnosis, SessionReport } from 'llm-affinity/usage'
import OpenAI from 'openai'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { listen } from '../../packages/testkit/src/servers/listen.ts'

interface Asked {
  readonly path: string
  readonly model: string
  readonly previous: unknown
}

// An API that answers as the makers document: with the ids of its answers, and a verdict about the one that a call names.
let asked: Asked[] = []
let refuses = false
const server = createServer(async (request, response) => {
  const body = JSON.parse(await text(request))
  const isOpenAI = request.url === '/v1/responses'
  const previous = isOpenAI ? body.prompt_cache_options?.comparison_response_id : body.diagnostics?.previous_message_id
  asked.push({ path: request.url ?? '', model: body.model, previous })
  const field = isOpenAI ? 'prompt_cache_options' : 'diagnostics'
  if (refuses && body[field] !== undefined) {
    response.writeHead(400, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ error: { message: `Unknown parameter: '${field}'.` } }))
    return
  }
  const id = `${isOpenAI ? 'resp' : 'msg'}_${asked.length}`
  const usage = {
    input_tokens: 1000,
    input_tokens_details: { cached_tokens: 0 },
    cache_read_input_tokens: 0,
    output_tokens: 1,
  }
  const verdict = isOpenAI
    ? previous && {
        prompt_cache_diagnostics: { type: 'cache_miss', reason: 'tools_changed', cache_missed_tokens: 900 },
      }
    : {
        diagnostics: previous
          ? { cache_miss_reason: { type: 'system_changed', cache_missed_input_tokens: 800 } }
          : null,
      }
  const answer = isOpenAI
    ? { id, object: 'response', status: 'completed', output: [], usage, ...verdict }
    : { id, type: 'message', role: 'assistant', content: [], usage, ...verdict }
  if (!body.stream) {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    return
  }
  const events = isOpenAI
    ? [
        {
          type: 'response.created',
          response: { ...answer, status: 'in_progress', usage: null, prompt_cache_diagnostics: undefined },
        },
        { type: 'response.completed', response: answer },
      ]
    : [{ type: 'message_start', message: answer }, { type: 'message_stop' }]
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  response.end()
})
const { origin, close } = await listen(server, 0)
afterAll(close)
beforeEach(() => {
  asked = []
  refuses = false
})

const previous = (): unknown[] => asked.map((each) => each.previous)

function openai(): {
  diagnoses: Diagnosis[]
  report: SessionReport
  call: (model?: string, more?: object) => Promise<unknown>
} {
  const diagnoses: Diagnosis[] = []
  const report = new SessionReport({ diagnostics: true })
  const use = new CacheDiagnostics({ openai: origin, onDiagnosis: (diagnosis) => diagnoses.push(diagnosis) })
  const client = withAffinity(new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'test', maxRetries: 0 }), {
    gateway: 'openai',
    use,
    onOutcome: report.onOutcome,
  })
  const call = async (model = 'gpt-5.6', more = {}): Promise<unknown> => {
    const answer: unknown = await client.responses.create({ model, input: 'hello', ...more })
    if (typeof answer === 'object' && answer !== null && Symbol.asyncIterator in answer) {
      for await (const _ of answer as AsyncIterable<unknown>);
    }
    return answer
  }
  return { diagnoses, report, call }
}

describe("OpenAI's Responses", () => {
  it.each([false, true])('name the answer before, by session and by model; streamed: %s', async (stream) => {
    const { call, diagnoses } = openai()
    const session = new Session('conversation-42')
    await session.run(() => call('gpt-5.6', { stream }))
    await session.lane('titles').run(() => call('gpt-5.6', { stream }))
    await runWithSession('conversation-7', () => call('gpt-5.6', { stream }))
    await runWithSession('conversation-42', () => call('gpt-5.6', { stream }))
    await session.run(() => call('gpt-5.7', { stream }))
    await session.run(() => call('gpt-5.6', { stream }))
    expect(previous()).toEqual([undefined, undefined, undefined, 'resp_1', undefined, 'resp_4'])
    expect(diagnoses).toEqual([1, 2].map(() => ({ hit: false, reason: 'tools_changed', missedTokens: 900 })))
  })

  it('ask nothing for side calls, nor where the call has set the field', async () => {
    const { call } = openai()
    await runWithSession('conversation-42', async () => {
      await call()
      await runWithoutSession(() => call())
      await call('gpt-5.6', { prompt_cache_options: { mode: 'implicit' } })
      await call('gpt-5.6', { prompt_cache_options: { comparison_response_id: 'mine' } })
    })
    expect(previous()).toEqual([undefined, undefined, undefined, 'mine'])
  })

  it('are not asked again by a model that refuses, with the error of the API', async () => {
    const { call } = openai()
    await runWithSession('conversation-42', async () => {
      await call()
      refuses = true
      await expect(call()).rejects.toThrow(/400/)
      await call()
    })
    expect(previous()).toEqual([undefined, 'resp_1', undefined])
  })

  it("show the provider's reason in the report, beside its own", async () => {
    const { call, report } = openai()
    const session = new Session('conversation-42')
    await session.run(() => call())
    await session.run(() => call())
    await expect
      .poll(() => report.get(session)?.misses)
      .toEqual([
        { call: 1, reason: 'first turn' },
        { call: 2, reason: 'unknown', providerReason: 'tools_changed' },
      ])
  })
})

describe("Anthropic's Messages", () => {
  it.each([false, true])('opt in at the first turn, and name the answer before then; streamed: %s', async (stream) => {
    const diagnoses: Diagnosis[] = []
    const use = new CacheDiagnostics({ anthropic: origin, onDiagnosis: (diagnosis) => diagnoses.push(diagnosis) })
    const client = withAffinity(new Anthropic({ baseURL: origin, apiKey: 'test' }), { gateway: 'none', use })
    const messages = [{ role: 'user' as const, content: 'hello' }]
    await runWithSession('conversation-42', async () => {
      for (let turn = 0; turn < 2; turn++) {
        const body = { model: 'claude', max_tokens: 9, messages }
        if (stream) await client.messages.stream(body).finalMessage()
        else await client.messages.create(body)
      }
    })
    expect(previous()).toEqual([null, 'msg_1'])
    expect(diagnoses).toEqual([{ hit: false, reason: 'system_changed', missedTokens: 800 }])
  })
})

it('is not asked of an origin that is not named', async () => {
  const client = withAffinity(new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'test' }), { use: new CacheDiagnostics() })
  await runWithSession('conversation-42', async () => {
    await client.responses.create({ model: 'gpt-5.6', input: 'hello' })
    await client.responses.create({ model: 'gpt-5.6', input: 'hello' })
  })
  expect(previous()).toEqual([undefined, undefined])
})
