// A gateway that reads a body field, and requests whose headers sign or digest the body.

import { createHash } from 'node:crypto'
import aws4 from 'aws4'
import { runWithSession, withAffinity } from 'llm-affinity'
import type { RecordedRequest } from 'llm-affinity-testkit'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { before, json, KEY, PATH, row, ways } from '../support/bodies.ts'
import { recorder } from '../support/recorder.ts'

const home = await recorder()
const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' }
const both = { ...row, headers: ['x-conversation'] }
const turn = { model: 'm', messages: [{ role: 'user' as const, content: 'Grüße, "世界"' }] }
const text = JSON.stringify(turn)
const digest = (body: string): string => `sha-256=:${createHash('sha256').update(body).digest('base64')}:`

/** These headers, with the ones that AWS adds to sign the request. */
function signed(path: string, body: string, headers: Record<string, string>): Record<string, string> {
  const { host } = new URL(home.origin)
  const request = { host, path, method: 'POST', body, service: 'bedrock', region: 'us-east-1', headers: { ...headers } }
  return aws4.sign(request, credentials).headers as Record<string, string>
}

/** Whether the signature that a server received matches the request that it received. */
function isSound(request: RecordedRequest): boolean {
  const given = request.header('authorization') ?? ''
  const names = /SignedHeaders=([^,]+)/.exec(given)?.[1]?.split(';') ?? []
  const headers = Object.fromEntries(names.map((name) => [name, request.header(name) ?? '']))
  return given !== '' && signed(request.path, request.text(), headers).Authorization === given
}

describe.each(Object.entries(ways))('%s', (_name, way) => {
  async function sent(gateway: typeof row | typeof both, headers: Record<string, string>): Promise<RecordedRequest> {
    const send = way(home.origin, { gateway })
    const answer = await runWithSession(KEY, () =>
      send(`${home.origin}${PATH}`, { method: 'POST', headers, body: text }),
    )
    await answer.arrayBuffer()
    const request = home.requests.at(-1)
    if (request === undefined) throw new Error('a request')
    return request
  }

  it('does not change a signed body, so the signature stays valid', async () => {
    const request = await sent(row, signed(PATH, text, json))
    expect(isSound(request)).toBe(true)
    expect(request.text()).toBe(text)
  })

  it('does not change a body that has a digest', async () => {
    const request = await sent(row, { ...json, 'Content-Digest': digest(text) })
    expect(digest(request.text())).toBe(request.header('content-digest'))
  })

  it('stamps a signed request’s header where the gateway also reads a header', async () => {
    const request = await sent(both, signed(PATH, text, json))
    expect(isSound(request)).toBe(true)
    expect(request.header('x-conversation')).toBe(KEY)
  })

  it('writes the field into a request that has a bearer token', async () => {
    expect((await sent(row, { ...json, authorization: 'Bearer AWS4-HMAC-SHA256' })).text()).toBe(before(text))
  })
})

it('an OpenAI client that signs its requests sends what it signed', async () => {
  class Signing extends OpenAI {
    protected override async prepareRequest(request: RequestInit, { url }: { url: string }): Promise<void> {
      const { 'content-type': type = '' } = Object.fromEntries(new Headers(request.headers))
      request.headers = signed(new URL(url).pathname, String(request.body), { 'content-type': type })
    }
  }
  const client = new Signing({ baseURL: `${home.origin}/v1`, apiKey: 'none' })
  for (const each of [client, withAffinity(client, { gateway: 'openai' })]) {
    await runWithSession(KEY, () => each.chat.completions.create(turn))
  }
  expect(home.requests.map(isSound)).toEqual([true, true])
  expect(home.requests.map((request) => request.json())).toEqual([turn, turn])
})
