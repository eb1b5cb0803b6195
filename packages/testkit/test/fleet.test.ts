import { request } from 'node:http'
import Anthropic from '@anthropic-ai/sdk'
import { chatPrompt, PrefixCache, startBalancer, startRecorder, startReplica } from 'llm-affinity-testkit'
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'

const words = (count: number, name = 'w') => Array.from({ length: count }, (_, index) => `${name}${index}`).join(' ')
const ask = (content: string) => ({ model: 'any-model', messages: [{ role: 'user' as const, content }] })
const small = { name: 'A', cacheTokens: 1_000, blockTokens: 10 }
const openai = (baseURL: string) => new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 })

describe('a replica', () => {
  test('reports its name and the cached tokens, in every format', async () => {
    await using replica = await startReplica(small)
    const client = openai(replica.baseURL)
    const first = await client.chat.completions.create(ask(words(25))).withResponse()
    expect(first.response.headers.get('x-replica')).toBe('A')
    expect(first.data.usage).toMatchObject({ prompt_tokens: 25, prompt_tokens_details: { cached_tokens: 0 } })
    const streamed = client.chat.completions.stream({ ...ask(words(25)), stream_options: { include_usage: true } })
    expect(await streamed.totalUsage()).toMatchObject({ prompt_tokens_details: { cached_tokens: 20 } })
    const response = await client.responses.create({ model: 'any-model', input: words(25) })
    expect(response.usage).toMatchObject({ input_tokens: 25, input_tokens_details: { cached_tokens: 20 } })
    const claude = new Anthropic({ baseURL: replica.origin, apiKey: 'none' })
    const message = await claude.messages.create({ ...ask(words(25)), max_tokens: 10 })
    expect(message.usage).toMatchObject({ input_tokens: 5, cache_read_input_tokens: 20 })
    expect(replica.counters()).toEqual({ requests: 4, promptTokens: 100, cachedTokens: 60, processedTokens: 40 })
  })

  test('finds as much as a PrefixCache with the same prompts', async () => {
    await using replica = await startReplica(small)
    const cache = new PrefixCache(small)
    const tools = [
      { type: 'function' as const, function: { name: 'look', description: words(12, 't'), parameters: {} } },
    ]
    for (const count of [30, 45, 30]) {
      const request = { ...ask(words(count)), tools }
      const { usage } = await openai(replica.baseURL).chat.completions.create(request)
      const { prompt, cached } = cache.read(chatPrompt(request), request.model)
      expect(usage).toMatchObject({ prompt_tokens: prompt, prompt_tokens_details: { cached_tokens: cached } })
    }
  })

  test('prefills one prompt at a time, so that equal concurrent prompts are processed once', async () => {
    await using replica = await startReplica({ ...small, prefillMsPerToken: 0.5 })
    const client = openai(replica.baseURL)
    await Promise.all(Array.from({ length: 5 }, () => client.chat.completions.create(ask(words(20)))))
    expect(replica.counters().processedTokens).toBe(20)
  })

  test('neither stores nor looks up the input of embeddings', async () => {
    await using replica = await startReplica(small)
    const client = openai(replica.baseURL)
    for (let time = 0; time < 2; time += 1) await client.embeddings.create({ model: 'any-model', input: words(20) })
    expect(replica.counters()).toMatchObject({ promptTokens: 40, cachedTokens: 0 })
  })

  test('answers with outputTokens pieces', async () => {
    await using replica = await startReplica({ ...small, outputTokens: 3, decodeMsPerToken: 1 })
    const pieces: string[] = []
    for await (const { choices } of await openai(replica.baseURL).chat.completions.create({
      ...ask('hi'),
      stream: true,
    })) {
      if (choices[0]?.delta.content) pieces.push(choices[0].delta.content)
    }
    expect(pieces).toHaveLength(3)
  })
})

describe('a balancer', () => {
  test('goes round robin', async () => {
    await using fleet = await three('round-robin')
    for (let call = 0; call < 7; call += 1) await fleet.get()
    expect(Object.fromEntries(fleet.counts())).toEqual({ A: 3, B: 2, C: 2 })
  })

  test('picks the same random targets for the same seed', async () => {
    const draws: unknown[] = []
    for (const seed of [5, 5, 6]) {
      await using fleet = await three('random', seed)
      for (let call = 0; call < 30; call += 1) await fleet.get()
      draws.push(fleet.paths())
    }
    expect(draws[1]).toEqual(draws[0])
    expect(draws[2]).not.toEqual(draws[0])
  })

  test('sends equal header values to one target, whatever the letter case of the name', async () => {
    await using fleet = await three({ header: 'X-Session-Id' })
    for (let round = 0; round < 3; round += 1) {
      for (let id = 0; id < 30; id += 1) await fleet.get({ 'x-session-id': `session-${id}` })
    }
    const counts = [...fleet.counts().values()]
    expect(counts.every((count) => count > 0 && count % 3 === 0)).toBe(true)
  })

  test('moves only the share of a target that is removed', async () => {
    await using before = await three({ header: 'x-session-id' })
    await using after = await three({ header: 'x-session-id' }, 1, 2)
    for (let id = 0; id < 40; id += 1) {
      for (const fleet of [before, after]) await fleet.get({ 'x-session-id': `session-${id}` })
    }
    const [served, left] = [before.paths(), after.paths()]
    for (const name of ['A', 'B'] as const) expect(left[name]).toEqual(expect.arrayContaining(served[name] ?? []))
  })

  test('spreads requests without the header', async () => {
    await using fleet = await three({ header: 'x-session-id' })
    for (let call = 0; call < 60; call += 1) await fleet.get()
    expect([...fleet.counts().values()].every((count) => count > 0)).toBe(true)
  })

  test('sends all keyless requests to one target, or rejects them, where the policy says so', async () => {
    await using same = await three({ header: 'x-session-id', missing: 'same' })
    for (let count = 0; count < 20; count += 1) await same.get()
    expect([...same.counts().values()].toSorted()).toEqual([0, 0, 20])
    await using strict = await three({ header: 'x-session-id', missing: 'reject' })
    await strict.get()
    expect([...strict.counts().values()]).toEqual([0, 0, 0])
  })

  test('pins from a turn on, above a length, for a time and but for a spill', async () => {
    await using replica = await startReplica({ name: 'A', cacheTokens: 1_000 })
    await using other = await startReplica({ name: 'B', cacheTokens: 1_000 })
    const targetsOf = async (policy: object, contents: readonly string[]): Promise<number> => {
      const balancer = await startBalancer({ targets: [replica, other], policy: { header: 'x-session-id', ...policy } })
      const client = openai(balancer.baseURL)
      const messages = contents.map((content) => ({ role: 'user' as const, content }))
      const headers = { 'x-session-id': 'one' }
      for (let count = 0; count < 20; count += 1) {
        await client.chat.completions.create({ model: 'm', messages }, { headers })
      }
      await balancer.close()
      return [...balancer.counts().values()].filter((count) => count > 0).length
    }
    expect(await targetsOf({ fromTurn: 2 }, ['one'])).toBe(2)
    expect(await targetsOf({ fromTurn: 2 }, ['one', 'two'])).toBe(1)
    expect(await targetsOf({ minWords: 30 }, ['one'])).toBe(2)
    expect(await targetsOf({ minWords: 30 }, [words(40)])).toBe(1)
    expect(await targetsOf({ ttlMs: 0 }, ['one'])).toBe(2)
    expect(await targetsOf({ ttlMs: 600_000 }, ['one'])).toBe(1)
    expect(await targetsOf({ spill: 0.5 }, ['one'])).toBe(2)
  })

  test('picks by weight, by the beginning of the prompt, and by the connection', async () => {
    await using weighted = await three({ weights: [0, 1, 0] })
    for (let count = 0; count < 10; count += 1) await weighted.get()
    expect([...weighted.counts().values()]).toEqual([0, 10, 0])
    await using replica = await startReplica({ name: 'A', cacheTokens: 1_000 })
    await using other = await startReplica({ name: 'B', cacheTokens: 1_000 })
    const spread = async (
      policy: { promptWords: number } | 'connection',
      texts: readonly string[],
    ): Promise<number> => {
      await using balancer = await startBalancer({ targets: [replica, other], policy })
      for (const text of texts) await openai(balancer.baseURL).chat.completions.create(ask(text))
      return [...balancer.counts().values()].filter((count) => count > 0).length
    }
    const many = Array.from({ length: 20 }, (_, index) => words(30, `t${index}`))
    expect(await spread({ promptWords: 20 }, many)).toBe(2)
    expect(await spread({ promptWords: 20 }, many.fill(words(30)))).toBe(1)
    // One call at a time, so that all are on one connection.
    expect(await spread('connection', many)).toBe(1)
  })

  test('fills one target before the next', async () => {
    await using replica = await startReplica({ name: 'A', cacheTokens: 1_000, decodeMsPerToken: 20 })
    await using other = await startReplica({ name: 'B', cacheTokens: 1_000 })
    await using balancer = await startBalancer({ targets: [replica, other], policy: { firstFit: 1 } })
    const client = openai(balancer.baseURL)
    await client.chat.completions.create(ask('one'))
    expect(Object.fromEntries(balancer.counts())).toEqual({ A: 1, B: 0 })
    await Promise.all([client.chat.completions.create(ask('two')), client.chat.completions.create(ask('three'))])
    expect(Object.fromEntries(balancer.counts())).toEqual({ A: 2, B: 1 })
  })

  test('answers 429 above a limit, drops request headers, and changes those of answers', async () => {
    await using recorder = await startRecorder()
    await using balancer = await startBalancer({
      targets: [recorder.origin],
      policy: 'round-robin',
      limit: { requests: 2, windowMs: 600_000 },
      dropRequestHeaders: ['X-Session-Id'],
      answerHeaders: (target, request) => ({ 'x-noise': `${request}`, 'content-type': undefined, 'x-target': target }),
    })
    const headers = { 'x-session-id': 'one', 'x-other': 'two' }
    const first = await fetch(`${balancer.baseURL}/models`, { headers })
    expect(first.headers.get('x-noise')).toBe('1')
    expect(first.headers.get('x-target')).toBe(recorder.origin)
    expect(first.headers.get('content-type')).toBeNull()
    await first.text()
    expect(recorder.requests[0]?.header('x-other')).toBe('two')
    expect(recorder.requests[0]?.header('x-session-id')).toBeUndefined()
    await (await fetch(`${balancer.baseURL}/models`)).text()
    const third = await fetch(`${balancer.baseURL}/models`)
    expect(third.status).toBe(429)
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0)
    await third.text()
    expect(recorder.requests).toHaveLength(2)
  })

  test('forwards the requests of a client that closes its connection after each', async () => {
    await using replica = await startReplica(small)
    await using balancer = await startBalancer({ targets: [replica], policy: 'random' })
    const send = () =>
      new Promise<number | undefined>((resolve, reject) => {
        const options = { method: 'POST', agent: false as const, headers: { 'content-type': 'application/json' } }
        request(`${balancer.baseURL}/chat/completions`, options, (answer) => {
          answer.resume().once('end', () => resolve(answer.statusCode))
        })
          .once('error', reject)
          .end(JSON.stringify(ask('hello')))
      })
    const statuses: (number | undefined)[] = []
    for (let count = 0; count < 20; count += 1) statuses.push(await send())
    expect(new Set(statuses)).toEqual(new Set([200]))
  })

  test('forwards a request unchanged and streams the answer', async () => {
    await using replica = await startReplica(small)
    await using balancer = await startBalancer({ targets: [replica], policy: 'random' })
    const stream = await openai(balancer.baseURL)
      .chat.completions.create({ ...ask(words(500)), stream: true })
      .withResponse()
    expect(stream.response.headers.get('x-replica')).toBe('A')
    let pieces = 0
    for await (const { choices } of stream.data) if (choices[0]?.delta.content) pieces += 1
    expect(pieces).toBe(16)
    expect(replica.counters().promptTokens).toBe(500)
  })

  test('answers 502 for an unreachable target, and breaks off when the target does', async () => {
    const recorder = await startRecorder()
    await using balancer = await startBalancer({ targets: [recorder.origin], policy: 'random' })
    recorder.script({ cut: 1 })
    const body = JSON.stringify({ ...ask('x'), stream: true })
    const answer = await fetch(`${balancer.baseURL}/chat/completions`, { method: 'POST', body })
    await expect(answer.text()).rejects.toThrow()
    await recorder.close()
    expect((await fetch(`${balancer.baseURL}/models`)).status).toBe(502)
  })
})

test('names a wrong argument', async () => {
  await expect(startReplica({ ...small, name: '' })).rejects.toThrow('Expected `name` to be printable ASCII')
  await expect(startReplica({ ...small, prefillMsPerToken: -1 })).rejects.toThrow('Expected `prefillMsPerToken`')
  await expect(startReplica({ ...small, outputTokens: 0 })).rejects.toThrow('Expected `outputTokens`')
  const good = { targets: ['http://127.0.0.1:1'], policy: 'random' } as const
  await expect(startBalancer({ ...good, targets: [] })).rejects.toThrow('Expected `targets`')
  await expect(startBalancer({ ...good, targets: ['no url'] })).rejects.toThrow('Expected a target to be an origin')
  await expect(startBalancer({ ...good, policy: 'best' as never })).rejects.toThrow('Expected `policy`')
  for (const policy of [{ weights: [1, 2] }, { firstFit: 0 }, { promptWords: 0.5 }, { header: 'x', spill: 2 }]) {
    await expect(startBalancer({ ...good, policy })).rejects.toThrow('Expected `policy.')
  }
  await expect(startBalancer({ ...good, limit: { requests: 0, windowMs: 1 } })).rejects.toThrow('`limit.requests`')
  await expect(startBalancer({ ...good, targets: [...good.targets, ...good.targets] })).rejects.toThrow(
    'Expected names',
  )
})

/** A balancer over recorders called A, B and C. */
async function three(policy: Parameters<typeof startBalancer>[0]['policy'], seed = 1, count = 3) {
  // Node 22 has no AsyncDisposableStack.
  const opened: AsyncDisposable[] = []
  const open = <Opened extends AsyncDisposable>(one: Opened): Opened => {
    opened.unshift(one)
    return one
  }
  const targets = await Promise.all(
    ['A', 'B', 'C'].slice(0, count).map(async (name) => ({ name, recorder: open(await startRecorder()) })),
  )
  const named = targets.map(({ name, recorder }) => ({ name, origin: recorder.origin }))
  const balancer = open(await startBalancer({ targets: named, policy, seed }))
  let sent = 0
  return {
    counts: balancer.counts,
    /** The indexes of the requests that each target got. */
    paths: () =>
      Object.fromEntries(targets.map(({ name, recorder }) => [name, recorder.requests.map(({ path }) => path)])),
    get: async (headers: Record<string, string> = {}) => {
      await (await fetch(`${balancer.origin}/${sent++}`, { headers })).text()
    },
    [Symbol.asyncDispose]: async () => {
      for (const one of opened) await one[Symbol.asyncDispose]()
    },
  }
}
