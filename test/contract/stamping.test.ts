import { runWithoutSession, runWithSession, Session } from 'llm-affinity'
import { describe, expect, it } from 'vitest'
import { type Connection, integrations } from '../support/integrations.ts'
import { recorder } from '../support/recorder.ts'
import { keysAt, NAMES } from '../support/wire.ts'

const server = await recorder()

async function connected(connection: Connection, use: () => Promise<unknown>): Promise<void> {
  try {
    await use()
  } finally {
    await connection.close()
  }
}

describe.each(integrations)('$name', (integration) => {
  it('writes the key of the session in scope into every header of the gateway', async () => {
    const client = integration.connect(server.origin, {})
    await connected(client, () => runWithSession('conversation-42', () => client.call()))
    expect(keysAt(server)).toEqual(['conversation-42'])
  })

  it('writes only the headers that the named gateway reads', async () => {
    const client = integration.connect(server.origin, { gateway: 'olla' })
    await connected(client, () => runWithSession('conversation-42', () => client.call()))
    expect(server.requests[0]?.header('x-olla-session-id')).toBe('conversation-42')
    expect(keysAt(server)).toEqual([undefined])
  })

  it('does not stamp a call outside of any session', async () => {
    const client = integration.connect(server.origin, {})
    await connected(client, () => client.call())
    expect(keysAt(server)).toEqual([undefined])
  })

  it('sends byte for byte what the bare stack sends, except for the gateway’s headers', async () => {
    const bare = integration.connect(server.origin, null)
    await connected(bare, () => bare.call())
    const client = integration.connect(server.origin, {})
    await connected(client, async () => {
      await client.call()
      await runWithSession('conversation-42', () => client.call())
    })
    const [expected, silent, stamped] = server.requests
    if (expected === undefined || silent === undefined || stamped === undefined) throw new Error('three calls, please')
    for (const request of [silent, stamped]) {
      expect(request.method).toBe(expected.method)
      expect(request.path).toBe(expected.path)
      expect(Buffer.from(request.body)).toEqual(Buffer.from(expected.body))
    }
    expect(silent.rawHeaders).toEqual(expected.rawHeaders)
    const rest = stamped.rawHeaders.filter(([name]) => !NAMES.includes(name.toLowerCase()))
    expect(stamped.rawHeaders).toHaveLength(expected.rawHeaders.length + NAMES.length)
    // fetch sorts the entries of a Headers, so the order may differ.
    expect(rest.toSorted()).toEqual(expected.rawHeaders.toSorted())
  })

  it.each([['x-session-id'], ['X-Session-Id'], ['X-SESSION-ID'], ['x-litellm-session-id'], ['X-LiteLLM-Session-Id']])(
    'adds nothing when the caller sets %s in the call',
    async (name) => {
      const client = integration.connect(server.origin, {})
      await connected(client, () =>
        runWithSession('conversation-42', () => client.call({ headers: { [name]: 'mine' } })),
      )
      const [request] = server.requests
      expect(NAMES.map((known) => request?.header(known))).toEqual(
        NAMES.map((known) => (known === name.toLowerCase() ? 'mine' : undefined)),
      )
    },
  )

  if (integration.defaults)
    it('adds nothing when the caller sets a default header', async () => {
      const client = integration.defaults?.(server.origin, { 'X-Session-Id': 'mine' })
      if (client === undefined) throw new Error('expected an integration with defaults')
      await connected(client, () => runWithSession('conversation-42', () => client.call()))
      expect(server.requests[0]?.header('x-session-id')).toBe('mine')
      expect(server.requests[0]?.header('x-litellm-session-id')).toBeUndefined()
    })

  it('prefers a bound session to the one in scope', async () => {
    const client = integration.connect(server.origin, { session: new Session('bound-session') })
    await connected(client, async () => {
      await client.call()
      await runWithSession('conversation-42', () => client.call())
    })
    expect(keysAt(server)).toEqual(['bound-session', 'bound-session'])
  })

  it('uses the innermost of nested scopes, and the outer one again after it', async () => {
    const client = integration.connect(server.origin, {})
    await connected(client, () =>
      runWithSession('outer-session', async () => {
        await client.call()
        await runWithSession('inner-session', () => client.call())
        await client.call()
      }),
    )
    expect(keysAt(server)).toEqual(['outer-session', 'inner-session', 'outer-session'])
  })

  it('pins nothing inside runWithoutSession, bound or not', async () => {
    const client = integration.connect(server.origin, {})
    await connected(client, () => runWithSession('conversation-42', () => runWithoutSession(() => client.call())))
    const bound = integration.connect(server.origin, { session: new Session('bound-session') })
    await connected(bound, () => runWithoutSession(() => bound.call()))
    expect(keysAt(server)).toEqual([undefined, undefined])
  })

  it('gives a side call a lane of its own where the gateway requires a key', async () => {
    const session = new Session('conversation-42')
    const client = integration.connect(server.origin, {
      gateway: { name: 'strict', headers: ['x-needed'], requiresKey: true },
    })
    await connected(client, async () => {
      await session.run(() => client.call())
      await session.run(() => runWithoutSession(() => client.call()))
      await runWithoutSession(() => client.call())
      await client.call()
    })
    const [main, sideCall, stray, none] = server.requests.map((request) => request.header('x-needed'))
    expect(main).toBe('conversation-42')
    expect(sideCall).toBe(session.lane('side-call').key)
    expect(stray).toMatch(/^[0-9a-f]{32}$/)
    expect(new Set([main, sideCall, stray]).size).toBe(3)
    expect(none).toBeUndefined()
  })

  it('stamps lanes, children and forks with their own keys, and a fork that shares the cache with the session’s', async () => {
    const session = new Session('conversation-42')
    const client = integration.connect(server.origin, {})
    const speakers = [session, session.lane('titles'), session.child('search'), session.child(), session.fork()]
    await connected(client, async () => {
      for (const speaker of speakers) await speaker.run(() => client.call())
      await session.fork({ shareCache: true }).run(() => client.call())
    })
    const keys = keysAt(server)
    expect(keys).toEqual([...speakers.map((speaker) => speaker.key), 'conversation-42'])
    expect(new Set(keys).size).toBe(speakers.length)
  })

  it('stamps the new key after a repin', async () => {
    const session = new Session('conversation-42')
    const client = integration.connect(server.origin, { session })
    await connected(client, async () => {
      await client.call()
      session.repin()
      await client.call()
    })
    const [before, after] = keysAt(server)
    expect(before).toBe('conversation-42')
    expect(after).toBe(session.key)
    expect(after).not.toBe(before)
  })

  it('hashes an id that is not safe on the wire, and sends no key for an empty one', async () => {
    const client = integration.connect(server.origin, {})
    await connected(client, async () => {
      await runWithSession('a “quoted”\r\nid', () => client.call())
      await runWithSession('', () => client.call())
    })
    const [hashed, empty] = keysAt(server)
    expect(hashed).toMatch(/^[0-9a-f]{32}$/)
    expect(empty).toBeUndefined()
  })

  it('does not stamp calls to origins that are not named', async () => {
    const client = integration.connect(server.origin, { origins: 'http://127.0.0.1:9' })
    await connected(client, () => runWithSession('conversation-42', () => client.call()))
    expect(keysAt(server)).toEqual([undefined])
  })

  if (integration.retries)
    it('stamps every attempt', async () => {
      const client = integration.connect(server.origin, {})
      await connected(client, async () => {
        server.script({ status: 500 }, { status: 429, headers: { 'retry-after': '0' } })
        await runWithSession('conversation-42', () => client.call())
        server.script({ reset: true })
        await runWithSession('conversation-43', () => client.call())
      })
      expect(keysAt(server)).toEqual([
        'conversation-42',
        'conversation-42',
        'conversation-42',
        'conversation-43',
        'conversation-43',
      ])
    })

  if (integration.retries)
    it('does not stamp attempts outside of any session, on a socket that a session opened', async () => {
      const client = integration.connect(server.origin, {})
      await connected(client, async () => {
        await runWithSession('conversation-42', () => client.call())
        server.script({ status: 500 }, { status: 500 })
        await client.call()
      })
      expect(keysAt(server)).toEqual(['conversation-42', undefined, undefined, undefined])
    })

  it('stamps a stream whose body is read outside the scope', async () => {
    const client = integration.connect(server.origin, {})
    let chunks = 0
    await connected(client, async () => {
      const stream = await runWithSession('conversation-42', () => client.stream?.())
      if (stream === undefined) throw new Error('a stream')
      const read = async (): Promise<void> => {
        for await (const _ of stream) chunks++
      }
      await runWithSession('another-session', read)
    })
    expect(chunks).toBeGreaterThan(0)
    expect(keysAt(server)).toEqual(['conversation-42'])
  })

  it('keeps 200 interleaved conversations apart on one client', async () => {
    const client = integration.connect(server.origin, {})
    const ids = Array.from({ length: 200 }, (_, i) => `conversation-${i}`)
    await connected(client, () => Promise.all(ids.map((id) => runWithSession(id, () => client.call({ content: id })))))
    expect(server.requests).toHaveLength(ids.length)
    for (const request of server.requests) expect(request.text()).toContain(`"${request.header('x-session-id')}"`)
    expect(new Set(keysAt(server)).size).toBe(ids.length)
  })

  if (integration.retries)
    it('keeps 200 interleaved conversations apart while 60 of their attempts fail', async () => {
      const client = integration.connect(server.origin, {})
      const ids = Array.from({ length: 200 }, (_, i) => `conversation-${i}`)
      await connected(client, async () => {
        await Promise.all(ids.slice(0, 4).map((id) => runWithSession(id, () => client.call({ content: id }))))
        server.clear()
        server.script(...Array.from({ length: 60 }, () => ({ status: 500 })))
        const unpinned = ids.map((id) => client.call({ content: `unpinned ${id}` }))
        const pinned = ids.map((id) => runWithSession(id, () => client.call({ content: id })))
        await Promise.all([...pinned, ...unpinned])
      })
      expect(server.requests).toHaveLength(2 * ids.length + 60)
      for (const request of server.requests) {
        const content = /"content":"([^"]*)"/.exec(request.text())?.[1]
        expect(request.header('x-session-id') ?? `unpinned`).toBe(content?.replace(/^unpinned .*/, 'unpinned'))
      }
    })
})
