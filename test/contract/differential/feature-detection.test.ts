import { createRequire } from 'node:module'
import { affinityFetch, type Fetch, runWithSession } from 'llm-affinity'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { recorder } from '../../support/recorder.ts'

const home = await recorder()
const nodeFetch2: Fetch = createRequire(import.meta.url)('node-fetch2')

const upload = (send: Fetch): Promise<unknown> =>
  runWithSession('conversation-42', () =>
    new OpenAI({ baseURL: `${home.origin}/v1`, apiKey: 'test', fetch: send, maxRetries: 0 }).files.create({
      file: new File(['{}'], 'a.jsonl'),
      purpose: 'batch',
    }),
  )

describe('uploads of openai', () => {
  it('fail where the fetch below cannot send them, as with that fetch alone', async () => {
    const message = /does not support file uploads/
    await expect(upload(nodeFetch2)).rejects.toThrow(message)
    await expect(upload(affinityFetch({ fetch: nodeFetch2 }))).rejects.toThrow(message)
    expect(home.requests).toEqual([])
  })

  it('arrive if the fetch below can send them', async () => {
    home.script({ status: 200, body: '{"id":"file-1"}', headers: { 'content-type': 'application/json' } })
    await upload(affinityFetch())
    expect(home.requests[0]?.header('content-type')).toMatch(/^multipart\/form-data; boundary=/)
    expect(home.requests[0]?.text()).toContain('a.jsonl')
  })
})

describe('affinityFetch has the members of the fetch below', () => {
  const mark = Symbol('mark')
  const named = Object.assign(async (_input: unknown, _init?: unknown, _more?: unknown) => new Response(), {
    Response,
    isRedirect: () => false,
    [mark]: 1,
  })
  Object.defineProperty(named, 'hidden', { value: 2, enumerable: false })
  let reads = 0
  Object.defineProperty(named, 'lazy', { get: () => ++reads, configurable: true })
  const ours = affinityFetch({ fetch: named })

  it.each(['Response', 'isRedirect', mark, 'hidden', 'name', 'length'])('%s', (member) => {
    expect(Reflect.has(ours, member)).toBe(true)
    expect(Reflect.get(ours, member)).toBe(Reflect.get(named, member))
  })

  it('reads a getter only on access', () => {
    expect(reads).toBe(0)
    expect(Reflect.get(ours, 'lazy')).toBe(1)
  })

  it("has the platform's name and length, where no fetch is given", () => {
    const { name, length } = affinityFetch()
    expect({ name, length }).toEqual({ name: fetch.name, length: fetch.length })
  })
})
