import { runWithSession } from 'llm-affinity'
import type { RecordedRequest } from 'llm-affinity-testkit'
import { describe, expect, it } from 'vitest'
import { type Connection, integrations } from '../support/integrations.ts'
import { recorder } from '../support/recorder.ts'
import { keysAt, NAMES } from '../support/wire.ts'

const STATUSES = [301, 302, 303, 307, 308]

const home = await recorder()
const foreign = await recorder()

async function called(connection: Connection): Promise<void> {
  try {
    // The final answer may be one that an SDK cannot parse.
    await runWithSession('conversation-42', () => connection.call()).catch(() => {})
  } finally {
    await connection.close()
  }
}

function shape(request: RecordedRequest): unknown {
  const headers = request.rawHeaders.map(([name, value]) => [name.toLowerCase(), value.replace(/:\d+$/, '')])
  return {
    method: request.method,
    path: request.path,
    body: request.text(),
    // The order is not compared: fetch sorts the entries of a Headers.
    headers: headers.filter(([name = '']) => !NAMES.includes(name)).toSorted(),
  }
}

describe.each(integrations.filter((integration) => integration.redirects))('$name', (integration) => {
  describe.each(STATUSES)('a %d', (status) => {
    it('to the same origin is stamped again', async () => {
      home.script({ status, headers: { location: '/elsewhere' } })
      await called(integration.connect(home.origin, {}))
      expect(home.requests.map(({ path }) => path).at(-1)).toBe('/elsewhere')
      expect(keysAt(home)).toEqual(['conversation-42', 'conversation-42'])
    })

    it('to another origin carries none of our headers', async () => {
      home.script({ status, headers: { location: `${foreign.origin}/elsewhere` } })
      await called(integration.connect(home.origin, {}))
      expect(keysAt(home)).toEqual(['conversation-42'])
      expect(keysAt(foreign)).toEqual([undefined])
    })

    it('to a second named origin is stamped again', async () => {
      home.script({ status, headers: { location: `${foreign.origin}/elsewhere` } })
      await called(integration.connect(home.origin, { origins: [home.origin, foreign.origin] }))
      expect(keysAt(home)).toEqual(['conversation-42'])
      expect(keysAt(foreign)).toEqual(['conversation-42'])
    })

    it('arrives as the bare stack would have sent it', async () => {
      const there = `${foreign.origin}/elsewhere`
      const hops = [{ location: '/again' }, { location: there }].map((headers) => ({ status, headers }))
      home.script(...hops)
      await called(integration.connect(home.origin, null))
      const expected = [...home.requests, ...foreign.requests].map(shape)
      home.clear()
      foreign.clear()
      home.script(...hops)
      await called(integration.connect(home.origin, {}))
      expect([...home.requests, ...foreign.requests].map(shape)).toEqual(expected)
      expect(expected).toHaveLength(3)
    })
  })

  it('stamps each hop to a named origin, and no other hop', async () => {
    foreign.script(
      { status: 307, headers: { location: '/on' } },
      { status: 307, headers: { location: `${home.origin}/back` } },
    )
    home.script({ status: 307, headers: { location: `${foreign.origin}/away` } })
    await called(integration.connect(home.origin, {}))
    expect(foreign.requests.map(({ path }) => path)).toEqual(['/away', '/on'])
    expect(home.requests.map(({ path }) => path).at(-1)).toBe('/back')
    expect(keysAt(foreign)).toEqual([undefined, undefined])
    expect(keysAt(home)).toEqual(['conversation-42', 'conversation-42'])
  })

  it('follows as many redirects as the bare stack', async () => {
    const loop = (): void =>
      // More than all retries together can follow.
      home.script(...Array.from({ length: 1000 }, (_, i) => ({ status: 307, headers: { location: `/${i}` } })))
    loop()
    const bare = integration.connect(home.origin, null)
    const expected = await bare.call().catch((error: Error) => error.constructor.name)
    await bare.close()
    const hops = home.requests.length
    home.clear()
    loop()
    const client = integration.connect(home.origin, {})
    const got = await runWithSession('conversation-42', () =>
      client.call().catch((error: Error) => error.constructor.name),
    )
    await client.close()
    expect(got).toEqual(expected)
    expect(home.requests).toHaveLength(hops)
  })
})
