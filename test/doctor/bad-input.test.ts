import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:net'
import { cut, fail, rateLimited, startRecorder } from 'llm-affinity-testkit'
import { describe, expect, it } from 'vitest'
import { against, doctor, type Told } from './support/doctor.ts'
import { completion, STREAM, startServer } from './support/servers.ts'

/** One sentence, what to try, the code, and nothing that only a programmer reads. */
function expectFailure(told: Told, sentence: RegExp, next: RegExp): void {
  expect(told.code).toBe(3)
  const { verdict, exitCode, error, next: steps } = told.json()
  expect({ verdict, exitCode }).toEqual({ verdict: null, exitCode: 3 })
  expect(error).toMatch(sentence)
  expect(steps.join(' ')).toMatch(next)
  expect(told.stderr).toContain(error)
  expect(told.stdout + told.stderr).not.toMatch(/\n\s+at |node:internal|Error:/)
}

describe('what cannot be reached', () => {
  it('is a host that does not resolve', async () => {
    const told = await doctor(against('http://no-such-host.invalid:4000/v1'))
    expectFailure(told, /^Host not found: no-such-host\.invalid:4000\.$/, /--base-url/)
  })

  it('is a port where nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    await new Promise((resolve) => server.close(resolve))
    const told = await doctor(against(`http://127.0.0.1:${port}/v1`))
    expectFailure(
      told,
      /^Connection refused or timed out at 127\.0\.0\.1:\d+ \(ECONNREFUSED\)\.$/,
      /port in --base-url/,
    )
  })

  it('is a server of pages', async () => {
    await using server = await startServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<!doctype html><h1>It works!</h1>')
    })
    const told = await doctor(against(server.baseURL))
    expectFailure(told, /answers, but not like an LLM gateway: it sent text\/html/, /--api anthropic/)
  })

  it('is a path that is not there: the status is said once, and where those are that have another one', async () => {
    await using server = await startServer((_, response) => response.writeHead(404).end('404 page not found'))
    const none = /does not serve this API at this base URL \(404\): page not found\.$/
    expectFailure(await doctor(against(server.baseURL)), none, /The base URL of Olla ends in \/olla\/proxy\/v1\.$/)
    const other = await doctor(against(server.baseURL, '--gateway', 'caddy'))
    expect(other.json().next.join(' ')).not.toContain('Olla')
  })

  it('is a base URL without its /v1', async () => {
    await using server = await startRecorder()
    expectFailure(
      await doctor(against(server.origin)),
      /does not serve this API at this base URL \(404\)/,
      /try http:.*\/v1\.$/,
    )
  })
})

describe('what does not let us in', () => {
  it('says which key it wants, and the key that it was given is printed nowhere', async () => {
    const secret = 'sk-very-secret-0123456789'
    await using server = await startServer((request, response) => {
      const given = request.headers.authorization?.replace('Bearer ', '')
      const error = {
        message: `Incorrect API key provided: ${given}`,
        type: 'invalid_request_error',
        code: 'invalid_api_key',
      }
      response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify({ error }))
    })
    const told = await doctor(against(server.baseURL), { OPENAI_API_KEY: secret })
    expectFailure(
      told,
      /rejected the credentials \(401\): .*Incorrect API key provided: \[the API key\]/,
      /--api-key, or OPENAI_API_KEY/,
    )
    expect(told.stdout + told.stderr).not.toContain(secret)
  })

  it('lists the models that there are', async () => {
    await using server = await startServer((request, response) => {
      response.setHeader('content-type', 'application/json')
      if (request.method === 'GET') {
        response.end(JSON.stringify({ object: 'list', data: [{ id: 'llama-70b', object: 'model' }] }))
      } else {
        const error = { message: 'The model `test-model` does not exist.', type: 'NotFoundError', code: 404 }
        response.writeHead(404).end(JSON.stringify({ error }))
      }
    })
    const told = await doctor(against(server.baseURL))
    expectFailure(told, /does not have the model test-model \(404\)/, /It lists: llama-70b\./)
  })

  it.each([
    [502, 'Calls for this model failed with 502: no reason given.'],
    [404, 'Calls for this model failed with 404: no reason given.'],
  ])('lists no such model, where a call for one that it does not have says %i only', async (status, next) => {
    await using server = await startServer((request, response) => {
      if (request.method !== 'GET') return response.writeHead(status).end(String(status))
      const data = Array.from({ length: 10 }, (_, at) => ({ id: `llama-${at}`, object: 'model' }))
      return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }))
    })
    const told = await doctor(against(server.baseURL))
    expectFailure(
      told,
      /^The gateway does not list the model `test-model`\. It lists: llama-0, .*llama-7, and 2 more\.$/,
      /^Check --model\. /,
    )
    expect(told.json().next.join(' ')).toContain(next)
  })

  it.each([
    ['lists it', ['test-model'], false],
    ['lists patterns', ['*'], true],
  ])('but %s: it is unhealthy', async (_, ids, isSuspect) => {
    await using server = await startServer((request, response) => {
      if (request.method !== 'GET') return response.writeHead(502).end('502')
      const data = ids.map((id) => ({ id, object: 'model' }))
      return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }))
    })
    const { verdict, why, next } = (await doctor(against(server.baseURL))).json()
    expect(verdict).toBe('unhealthy')
    expect(why).toEqual(['4 of 4 calls failed.', '4 × failed at the gateway or behind it (502): no reason given'])
    expect(next.join(' ').includes('--model')).toBe(isSuspect)
  })

  it('takes other fields: they are tried before anything is said', async () => {
    await using server = await startServer(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      if (/"stream_options"|"max_tokens"/.test(body)) {
        const error = { message: 'Unknown field', type: 'invalid_request_error' }
        response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error }))
      } else response.writeHead(200, { ...STREAM, 'x-backend': 'a' }).end(completion(null))
    })
    const told = await doctor(against(server.baseURL, '--conversations', '2', '--turns', '3'))
    expect(told.json()).toMatchObject({ verdict: 'unknown', arms: { affinity: { calls: 6, failed: 0 } } })
  })

  it('refuses all of them', async () => {
    await using server = await startServer((_, response) => {
      const error = { message: 'No thank you', type: 'invalid_request_error' }
      response.writeHead(422, { 'content-type': 'application/json' }).end(JSON.stringify({ error }))
    })
    expectFailure(
      await doctor(against(server.baseURL)),
      /rejected the call with 422: .*No thank you/,
      /--model, and --api/,
    )
  })
})

describe.concurrent('what breaks', () => {
  it('is a stream that is cut in the middle', async () => {
    await using server = await startRecorder()
    server.script(...Array.from({ length: 200 }, () => cut(2)))
    const told = await doctor(against(server.baseURL))
    expect(told.code).toBe(2)
    const { verdict, why, next } = told.json()
    expect(verdict).toBe('unhealthy')
    expect(why.join(' ')).toMatch(/4 of 4 calls failed\. 4 × stream ended early/)
    expect(next.join(' ')).toMatch(/Streams end early: check the timeouts/)
    expect(told.stdout + told.stderr).not.toMatch(/\n\s+at |node:internal/)
  })

  it('is a stream that ends before its answer does, without an error', async () => {
    await using server = await startServer((_, response) => {
      response.writeHead(200, STREAM).end(`${completion(null).split('\n\n')[0]}\n\n`)
    })
    const told = await doctor(against(server.baseURL))
    expect(told.json()).toMatchObject({ verdict: 'unhealthy', exitCode: 2 })
    expect(told.json().why.join(' ')).toContain('the stream ended before the answer was complete')
  })

  const late = (answer: RequestListener): RequestListener => {
    let calls = 0
    return (request, response) => {
      calls += 1
      const usage = { prompt_tokens: 500, completion_tokens: 1, total_tokens: 501 }
      if (calls > 10) answer(request, response)
      else response.writeHead(200, STREAM).end(completion(usage))
    }
  }

  it('is a gateway that rejects the credentials after ten calls', async () => {
    const body = JSON.stringify({ error: { message: 'Token expired', code: 'invalid_api_key' } })
    await using server = await startServer(
      late((_, response) => response.writeHead(401, { 'content-type': 'application/json' }).end(body)),
    )
    const { verdict, exitCode, why, next } = (await doctor(against(server.baseURL))).json()
    expect({ verdict, exitCode }).toEqual({ verdict: 'unhealthy', exitCode: 2 })
    expect(why.join(' ')).toMatch(/\d+ × not authorized \(401\): Token expired/)
    expect(next.join(' ')).toContain('whether the API key was revoked')
  })

  it('is a gateway that answers with pages after ten calls', async () => {
    await using server = await startServer(
      late((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>')),
    )
    const { verdict, exitCode, why, next } = (await doctor(against(server.baseURL))).json()
    expect({ verdict, exitCode }).toEqual({ verdict: 'unhealthy', exitCode: 2 })
    expect(why.join(' ')).toMatch(/\d+ × no event stream in the answer: text\/html/)
    expect(next.join(' ')).toContain('a hop that asks to sign in')
  })

  it('is an answer that stops after its first token', { timeout: 120_000 }, async () => {
    await using server = await startServer((_, response) => {
      response.writeHead(200, STREAM).write(`${completion(null).split('\n\n')[0]}\n\n`)
    })
    expectFailure(
      await doctor(against(server.baseURL)),
      /did not answer completely: the answer began, and did not end within 20 s\.$/,
      /buffers streams/,
    )
  })

  it('is a gateway that only fails, or only says to come later', async () => {
    await using server = await startRecorder()
    server.script(fail(503, 200))
    expect((await doctor(against(server.baseURL))).json()).toMatchObject({ verdict: 'unhealthy', exitCode: 2 })
    server.clear()
    server.script(...Array.from({ length: 200 }, () => rateLimited(1)))
    const told = await doctor(against(server.baseURL))
    expect(told.json()).toMatchObject({ verdict: 'unhealthy', exitCode: 2 })
    expect(told.json().next.join(' ')).toMatch(/Wait for the rate limit/)
  })
})

describe('cached_tokens', () => {
  const told = async (usage: unknown): Promise<Told> => {
    await using server = await startServer((_, response) => {
      response.writeHead(200, STREAM).end(completion(usage))
    })
    return await doctor(against(server.baseURL, '--conversations', '2', '--turns', '3'))
  }
  const prompt = { prompt_tokens: 1200, completion_tokens: 1, total_tokens: 1201 }

  it.each([
    ['a text', '1024'],
    ['negative', -5],
    ['more than the prompt', 999_999],
    ['no whole number', 3.5],
  ])('that are nonsense, %s: unknown, and it says why', async (_, cached_tokens) => {
    const { code, json } = await told({ ...prompt, prompt_tokens_details: { cached_tokens } })
    expect(code).toBe(2)
    expect(json()).toMatchObject({ verdict: 'unknown' })
    expect(json().why.join(' ')).toContain('Its `cached_tokens` are not valid token counts')
    expect(json().arms.affinity).not.toHaveProperty('cachedShare')
  })

  it.each([
    ['missing', prompt],
    ['missing, with all of the usage', undefined],
    ['always 0', { ...prompt, prompt_tokens_details: { cached_tokens: 0 } }],
  ])('that are %s: unknown, and what would let it tell', async (_, usage) => {
    const { code, json } = await told(usage)
    expect(code).toBe(2)
    expect(json()).toMatchObject({ verdict: 'unknown' })
    expect(json().next.join(' ')).toMatch(/`x-backend`.*--enable-prompt-tokens-details/)
    expect(json().arms.affinity).not.toHaveProperty('cachedShare')
    expect(json().arms.affinity).not.toHaveProperty('foundCache')
  })
})
