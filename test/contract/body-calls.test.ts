import { runWithoutSession, runWithSession, Session } from 'llm-affinity'
import { fail, redirectTo } from 'llm-affinity-testkit'
import { describe, expect, it } from 'vitest'
import { before, json, KEY, PATH, row, undoAll, ways } from '../support/bodies.ts'
import { recorder } from '../support/recorder.ts'

const home = await recorder()
const foreign = await recorder()

const text = JSON.stringify({ model: 'test-model', messages: [{ role: 'user', content: 'Grüße, 世界' }] })

describe.each(Object.entries(ways))('%s', (_name, way) => {
  async function send(headers: Record<string, string> = json): Promise<void> {
    const given = { method: 'POST', headers, body: text }
    const answer = await runWithSession(KEY, () => way(home.origin, { gateway: row })(`${home.origin}${PATH}`, given))
    await answer.arrayBuffer()
  }

  it.each([307, 308])('writes the field again after a %d to the same origin', async (status) => {
    home.script(redirectTo('/v1/elsewhere', status), redirectTo(PATH, status))
    await send()
    expect(home.requests.map((request) => request.text())).toEqual([before(text), before(text), before(text)])
    const lengths = home.requests.map((request) => request.header('content-length'))
    expect(new Set(lengths)).toEqual(new Set([String(Buffer.byteLength(before(text)))]))
  })

  it.each([307, 308])(
    'sends the caller’s own body to another origin after a %d, and the field again to the first origin',
    async (status) => {
      home.script(redirectTo(PATH, status), redirectTo(`${foreign.origin}${PATH}`, status))
      foreign.script(redirectTo(`${home.origin}${PATH}`, status))
      await send({ ...json, 'content-length': String(Buffer.byteLength(text)) })
      expect(home.requests.map((request) => request.text())).toEqual([before(text), before(text), before(text)])
      expect(foreign.requests.map((request) => request.text())).toEqual([text])
      expect(foreign.requests[0]?.header('content-length')).toBe(String(Buffer.byteLength(text)))
    },
  )

  it('sends no body after a 303', async () => {
    home.script(redirectTo(PATH, 303))
    await send()
    expect(home.requests[1]).toMatchObject({ method: 'GET' })
    expect(home.requests[1]?.text()).toBe('')
    expect(home.requests[1]?.header('content-type')).toBeUndefined()
  })

  it('writes no field in a side call or without a session; in a side call a lane’s key where the gateway requires one', async () => {
    const session = new Session(KEY)
    const post = { method: 'POST', headers: json, body: '{}' }
    const url = `${home.origin}${PATH}`
    const lenient = way(home.origin, { gateway: row })
    await lenient(url, post)
    await session.run(() => runWithoutSession(() => lenient(url, post)))
    undoAll()
    const strict = way(home.origin, { gateway: { ...row, requiresKey: true } })
    await session.run(() => runWithoutSession(() => strict(url, post)))
    const lane = { prompt_cache_key: session.lane('side-call').key }
    expect(home.requests.map((request) => request.json())).toEqual([{}, {}, lane])
  })

  it('does not change the caller’s headers or init', async () => {
    const headers = new Headers({ ...json, 'content-length': '2' })
    const init = Object.freeze({ method: 'POST', headers, body: '{}' })
    const send = way(home.origin, { gateway: row })
    await runWithSession(KEY, () => send(`${home.origin}${PATH}`, init))
    await runWithSession('conversation-43', () => send(`${home.origin}${PATH}`, init))
    expect(home.requests.map((request) => request.json())).toEqual([
      { prompt_cache_key: KEY },
      { prompt_cache_key: 'conversation-43' },
    ])
    expect([...headers]).toEqual([
      ['content-length', '2'],
      ['content-type', 'application/json'],
    ])
    expect(init.body).toBe('{}')
  })

  it('keeps 200 interleaved conversations apart', async () => {
    const send = way(home.origin, { gateway: row })
    const ids = Array.from({ length: 200 }, (_, i) => `conversation-${i}`)
    home.script(fail(500, 20))
    const call = (id: string): Promise<string> =>
      send(`${home.origin}${PATH}`, { method: 'POST', headers: json, body: JSON.stringify({ id }) }).then((answer) =>
        answer.text(),
      )
    await Promise.all(ids.map((id) => runWithSession(id, () => call(id))))
    expect(home.requests).toHaveLength(ids.length)
    for (const request of home.requests) {
      const { id, prompt_cache_key } = request.json() as Record<string, string>
      expect(prompt_cache_key).toBe(id)
    }
  })
})
