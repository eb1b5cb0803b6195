import { createHash } from 'node:crypto'
import { affinityFetch, type Fetch, runWithSession } from 'llm-affinity'
import { describe, expect, it } from 'vitest'
import { recorder } from '../../support/recorder.ts'

const home = await recorder()
const BODY = 'final'
const digest = (of: string): string => `sha256-${createHash('sha256').update(of).digest('base64')}`

const through: Fetch = (...args) => fetch(...args)
const ours: [string, Fetch][] = [
  ["the platform's fetch", affinityFetch()],
  ['another fetch', affinityFetch({ fetch: through })],
]

describe.each(ours)('a call with integrity, over %s', (_name, send) => {
  const call = (integrity: string): Promise<string> =>
    runWithSession('conversation-42', async () => (await send(`${home.origin}/r`, { integrity })).text())

  it.each([[[]], [['/x']], [['/x', '/y']]])('succeeds through the redirects %j', async (locations) => {
    home.script(...locations.map((location) => ({ status: 302, headers: { location }, body: 'Found' })), {
      status: 200,
      body: BODY,
    })
    expect(await call(digest(BODY))).toBe(BODY)
  })

  it('fails where the answer does not match the digest', async () => {
    home.script({ status: 302, headers: { location: '/x' } }, { status: 200, body: BODY })
    await expect(call(digest('other'))).rejects.toMatchObject({
      name: 'TypeError',
      message: 'fetch failed',
      cause: { message: 'integrity mismatch' },
    })
  })
})
