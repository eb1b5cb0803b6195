// Every way to read a body: bare, and with usage read of it. What the reader sees is the same.

import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { reading } from './support/read.ts'
import { bodyServer } from './support/server.ts'
import { partly, unseen, type Way, whole } from './support/ways.ts'

const server = await bodyServer()

const chunk = (text: string, usage: string): string =>
  `data: {"choices":[{"index":0,"delta":{"content":"${text}"}}],"usage":${usage}}\n\n`
const CALL = '{"prompt_tokens":120,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":100}}'
const PIECES = [chunk('Grüße, ', 'null'), chunk('\u{1F600} ', 'null'), chunk('', CALL), 'data: [DONE]\n\n']
const STREAM = { 'content-type': 'text/event-stream' }
const USAGE = { promptTokens: 120, cachedTokens: 100 }

interface Seen {
  readonly gave: unknown
  readonly before: unknown
  readonly during: unknown
  readonly after: unknown
}

function lookAt({ bodyUsed, body, status, statusText, type, url, ok, redirected, headers }: Response): unknown {
  const kept = [...headers].filter(([name]) => name !== 'date')
  const isStream = body instanceof ReadableStream
  return { bodyUsed, locked: body?.locked, isStream, status, statusText, type, url, ok, redirected, kept }
}

async function seenBy(send: typeof fetch, way: Way, looks: boolean): Promise<Seen> {
  const response = await send(`${server.origin}/v1/x`)
  const before = looks ? lookAt(response) : undefined
  const giving = way(response)
  const during = { bodyUsed: response.bodyUsed }
  const gave = await giving
  // A pipe lets go of its source when it is done, which is a little after its end was read.
  await turn()
  return { gave, before, during, after: lookAt(response) }
}

const LOOKS: readonly [string, boolean][] = [
  ['at once', false],
  ['after a look at the body', true],
]

describe.each(LOOKS)('%s', (_, looks) => {
  it.each(Object.entries({ ...whole, ...unseen }))('gives what it gives without us: %s', async (name, way) => {
    server.body = { pieces: PIECES, headers: STREAM }
    const bare = await seenBy(fetch, way, looks)
    const { fetch: ours, usage } = reading()
    expect(await seenBy(ours, way, looks)).toEqual(bare)
    const found = await usage()
    if (name in whole) expect([JSON.stringify(bare.gave).includes('cached_tokens'), found]).toEqual([true, USAGE])
  })

  it.each(Object.entries(partly))('gives up as without us: %s', async (_name, way) => {
    server.body = { pieces: PIECES.slice(0, 1), headers: STREAM, ending: 'nothing' }
    const seen: Seen[] = []
    const { fetch: ours, usage } = reading()
    for (const send of [fetch, ours]) {
      const givenUp = server.givenUp()
      seen.push(await seenBy(send, way, looks))
      await givenUp
    }
    expect(seen[1]).toEqual(seen[0])
    expect(await usage()).toBeUndefined()
  })
})
