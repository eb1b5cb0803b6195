import { createServer, type ServerResponse } from 'node:http'
import { affinityFetch, Session, withAffinity } from 'llm-affinity'
import { LearnedState, type RepinOptions } from 'llm-affinity/learned'
import { affinityInterceptor } from 'llm-affinity/undici'
import OpenAI from 'openai'
import { Agent, request } from 'undici'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { listen } from '../../packages/testkit/src/servers/listen.ts'

type Answer = (response: ServerResponse) => void

let keys: string[] = []
let script: Answer[] = []
const server = createServer((incoming, response) => {
  keys.push(String(incoming.headers['x-session-id']))
  const answer = script.shift() ?? ok
  incoming.resume().once('end', () => answer(response))
})
const { origin, close } = await listen(server, 0)
afterAll(close)
beforeEach(() => {
  keys = []
  script = []
})

const json =
  (status: number, text: string): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(text)
  }
const ok = json(200, '{"choices":[{"message":{"content":"hi"}}]}')
const reset: Answer = (response) => void response.socket?.destroy()
const stream =
  (...events: string[]): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const event of events) response.write(`${event}\n\n`)
    response.end()
  }
const broken: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"a":1}\n\n')
  setTimeout(() => response.socket?.destroy(), 20)
}
const hanging: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"a":1}\n\n')
  const beat = setInterval(() => response.write(': keep-alive\n\n'), 10)
  response.once('close', () => clearInterval(beat))
}
const silent: Answer = () => {}

function clientOf(repin: RepinOptions): {
  learned: LearnedState
  session: Session
  call: (signal?: AbortSignal) => Promise<string>
} {
  const learned = new LearnedState({ repin })
  const send = affinityFetch({ use: learned })
  const session = new Session()
  const call = (signal?: AbortSignal): Promise<string> =>
    session.run(async () => {
      try {
        const init = { method: 'POST', body: '{}', ...(signal && { signal }) }
        const response = await send(`${origin}/v1/chat/completions`, init)
        let text = ''
        for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) text += part
        return text
      } catch (error) {
        return String(error)
      }
    })
  return { learned, session, call }
}

/** How often the key changed. */
const moves = (): number => keys.filter((key, at) => at > 0 && key !== keys[at - 1]).length

describe('a failure', () => {
  it.each<[string, Answer]>([
    ['no answer at all', reset],
    ['a 429', json(429, '{}')],
    ['a 500', json(500, '{}')],
    ['a 503', json(503, '{}')],
    ['an error inside a 200', json(200, '{"error":{"message":"overloaded"}}')],
    ['an error as the first event of a stream', stream('data: {"error":{"code":500}}')],
    [
      "an error as a later event of a stream, in Anthropic's form",
      stream('data: {"type":"x"}', 'event: error\ndata: {"type":"error","error":{}}'),
    ],
    ["an error in the form of OpenAI's Responses", stream('data: {"type":"response.failed","response":{}}')],
    ['a stream that ends empty', stream()],
    ['a stream of comments and pings', stream(': keep-alive', 'event: ping\ndata: {"type": "ping"}')],
    ['a stream that breaks', broken],
  ])('is %s', async (_, answer) => {
    const { session, call } = clientOf({ after: 1 })
    script = [answer]
    await call()
    await call()
    expect(moves()).toBe(1)
    expect(keys[1]).toBe(session.key)
  })

  it.each<[string, Answer]>([
    ['a good answer', ok],
    ['a 400', json(400, '{"error":{"message":"no such model"}}')],
    ['a 401', json(401, '{}')],
    ['a stream with data', stream('data: {"choices":[]}', 'data: [DONE]')],
    [
      'an answer that speaks of an error',
      json(200, '{"choices":[{"message":{"content":"\\"error\\": yes"}}],"error":null}'),
    ],
  ])('is not %s', async (_, answer) => {
    const { call } = clientOf({ after: 1 })
    script = [answer]
    await call()
    await call()
    expect(moves()).toBe(0)
  })

  it("is not the caller's abort, before and after the answer has begun", async () => {
    const { call } = clientOf({ after: 1, stallMs: 60_000 })
    for (const answer of [silent, hanging]) {
      script = [answer]
      await call(AbortSignal.timeout(100))
    }
    await call()
    expect(moves()).toBe(0)
  })

  it('is, with `stallMs`, no data for that long, whether the answer has begun or not; `abortOnStall` ends the call', async () => {
    const { call } = clientOf({ after: 1, stallMs: 50, abortOnStall: true, coolDownMs: 0 })
    for (const answer of [silent, hanging]) {
      script = [answer]
      expect(await call()).toMatch(/TimeoutError: The backend sent no data for 0.05 s, the `stallMs`/)
    }
    await call()
    expect(moves()).toBe(2)
  })

  it('is not a reader that takes its time', async () => {
    const send = affinityFetch({ use: new LearnedState({ repin: { after: 1, stallMs: 30, abortOnStall: true } }) })
    const session = new Session()
    script = [stream('data: 1', 'data: 2')]
    const text = await session.run(async () => {
      const response = await send(origin, { method: 'POST', body: '{}' })
      await new Promise((resolve) => setTimeout(resolve, 120))
      return response.text()
    })
    expect(text).toBe('data: 1\n\ndata: 2\n\n')
    expect(session.epoch).toBe(0)
  })
})

describe('a session', () => {
  it('moves after as many failures in a row as were asked for, and an answer between them starts anew', async () => {
    const { call } = clientOf({ after: 3 })
    const bad = json(503, '{}')
    script = [bad, bad, ok, bad, bad, bad, ok]
    for (let turn = 0; turn < 7; turn++) await call()
    expect(moves()).toBe(1)
    expect(keys[6]).not.toBe(keys[5])
  })

  it('does not move again in the cool-down once an answer has come, but at once if none has, at most three times', async () => {
    const cooling = clientOf({ after: 1 })
    const bad = json(503, '{}')
    script = [bad, ok, bad, bad, bad]
    for (let turn = 0; turn < 6; turn++) await cooling.call()
    expect(moves()).toBe(1)
    keys = []
    const lost = clientOf({ after: 1 })
    script = Array.from({ length: 8 }, () => bad)
    for (let turn = 0; turn < 8; turn++) await lost.call()
    expect(moves()).toBe(3)
  })

  it('stays where it is, or goes back after `returnMs`, and comes away again if the first backend still fails', async () => {
    const { learned, session, call } = clientOf({ after: 1, returnMs: 50 })
    const own = session.key
    script = [json(503, '{}')]
    await call()
    await call()
    const away = keys[1]
    await new Promise((resolve) => setTimeout(resolve, 60))
    script = [json(503, '{}')]
    await call()
    await call()
    expect(keys).toEqual([own, away, own, away])
    await new Promise((resolve) => setTimeout(resolve, 60))
    await call()
    await call()
    expect(keys.slice(4)).toEqual([own, own])
    expect(learned.get(session)?.moves).toBe(4)
  })

  it('is moved between two attempts of an SDK', async () => {
    const use = new LearnedState({ repin: { after: 1 } })
    const client = withAffinity(new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'test', maxRetries: 1 }), { use })
    script = [json(503, '{}')]
    const session = new Session()
    const messages = [{ role: 'user' as const, content: 'hello' }]
    const answer = await session.run(() => client.chat.completions.create({ model: 'm', messages }))
    expect(answer.choices[0]?.message.content).toBe('hi')
    expect(moves()).toBe(1)
    expect(use.get(session)?.moves).toBe(1)
  })

  it('is moved by answers that undici gives', async () => {
    const use = new LearnedState({ repin: { after: 1 } })
    const dispatcher = new Agent().compose(affinityInterceptor({ origins: origin, use }))
    const session = new Session()
    script = [json(503, '{}'), reset]
    for (let turn = 0; turn < 3; turn++) {
      await session.run(async () => {
        const answer = await request(origin, { dispatcher, method: 'POST', body: '{}' }).catch(() => undefined)
        await answer?.body.text()
      })
    }
    await dispatcher.close()
    expect(moves()).toBe(2)
  })

  it('is not moved by a failure of a call from before the move', async () => {
    const { session, call } = clientOf({ after: 1, coolDownMs: 0 })
    const held: ServerResponse[] = []
    script = Array.from({ length: 3 }, () => (response: ServerResponse) => void held.push(response))
    const calls = [call(), call(), call()]
    await expect.poll(() => held.length).toBe(3)
    for (const response of held) json(503, '{}')(response)
    await Promise.all(calls)
    expect(session.epoch).toBe(1)
  })
})
