// What the rows of the gateway table put on the wire. These gateways differ only in their rows.

import { type Gateway, runWithoutSession, runWithSession, Session } from 'llm-affinity'
import { gateways } from 'llm-affinity/gateways'
import { redirectTo } from 'llm-affinity-testkit'
import { describe, expect, it } from 'vitest'
import { integrations } from '../support/integrations.ts'
import { answer, freshId, listening } from '../support/outcomes.ts'
import { recorder } from '../support/recorder.ts'

const home = await recorder()
const foreign = await recorder()
const dynamo: Gateway = { ...gateways.get('dynamo'), parent: 'x-dynamo-parent-session-id' }
const sent = (name: string): (string | undefined)[] => home.requests.map((request) => request.header(name))

/** A fictitious gateway that uses every property of a row. */
const made: Gateway = {
  name: 'made-up',
  headers: ['X-Made-Key', 'x-made-session'],
  parent: 'x-made-parent',
  body: { field: 'routing_key', paths: ['/chat/completions', '/messages'] },
  keyPattern: /^[a-z0-9]{1,32}$/,
  requiresKey: true,
  pinsPerModel: true,
  evidence: {
    outcome: 'x-made-outcome',
    outcomeValues: { sticky: 'hit', fresh: 'miss', off: 'disabled', lost: 'repin', elsewhere: 'moved' },
    backend: 'x-made-by',
    backendPattern: /pod=(\w+)/,
    source: 'x-made-source',
    echo: 'X-Made-Echo',
    model: 'x-made-model',
    retryHeaders: ['x-made-tries'],
  },
}

describe.each(integrations)('$name', (integration) => {
  it('supports a made-up gateway from one row', async () => {
    const parent = new Session(freshId())
    const session = parent.child('search')
    const said = { 'x-made-by': 'zone=a pod=gpu7 v=1', 'x-made-model': 'test-model', 'x-made-source': 'header' }
    home.script(
      answer({ ...said, 'x-made-outcome': 'fresh', 'x-made-tries': '1', 'x-made-echo': session.key }),
      answer({ ...said, 'x-made-outcome': 'lost' }),
      answer({ ...said, 'x-made-outcome': 'who knows' }),
      answer({ ...said, 'x-made-outcome': 'sticky', 'x-made-echo': 'somebody-else' }),
      answer(said),
      answer(said),
      answer({ ...said, 'x-made-outcome': 'off' }),
    )
    await listening(integration, home.origin, { gateway: made }, async ({ call, outcomes }) => {
      for (let turn = 0; turn < 6; turn++) await session.run(() => call())
      await session.run(() => runWithoutSession(call))
      const read = { gateway: 'made-up', origin: home.origin, status: 200 }
      const whole = { ...read, session, backend: 'gpu7', source: 'header' }
      expect(outcomes).toEqual([
        { ...whole, result: 'miss', attempt: 2 },
        { ...whole, result: 'repin' },
        { ...whole, result: 'unknown' },
        { ...read, session, result: 'unknown' },
        { ...whole, result: 'unknown' },
        { ...whole, result: 'hit' },
        { ...whole, session: outcomes[6]?.session, result: 'disabled' },
      ])
      expect(outcomes[6]?.session.key).toBe(session.lane('side-call').key)
    })
    const keys = [...Array(6).fill(session.key), session.lane('side-call').key]
    expect(sent('x-made-key')).toEqual(keys)
    expect(sent('x-made-session')).toEqual(keys)
    // This gateway does not accept a dash: such a key is hashed, and the parent's too.
    const [above] = sent('x-made-parent')
    expect(above).toMatch(/^[0-9a-f]{32}$/)
    expect(new Set(sent('x-made-parent').slice(0, 6))).toEqual(new Set([above]))
    const fields = home.requests.map((request) => Object(request.json()).routing_key)
    expect(fields).toEqual(integration.name.startsWith('undici') ? Array(7).fill(undefined) : keys)
  })

  if (integration.name.startsWith('undici'))
    it('sends the request unchanged, and reports no outcome, where the gateway reads only the body', async () => {
      const bare = integration.connect(home.origin, null)
      await bare.call().finally(() => bare.close())
      home.script(answer({ 'x-by': 'a' }))
      const gateway = {
        name: 'fields',
        headers: [],
        parent: 'x-parent',
        body: { field: 'key', paths: ['/chat/completions'] },
      }
      const affinity = { gateway: { ...gateway, evidence: { backend: 'x-by' } } }
      await listening(integration, home.origin, affinity, async ({ call, outcomes }) => {
        await new Session(freshId()).child('search').run(() => call())
        expect(outcomes).toEqual([])
      })
      const [expected, request] = home.requests
      expect(request?.rawHeaders).toEqual(expected?.rawHeaders)
      expect(request?.text()).toBe(expected?.text())
    })

  it('hashes a key for HAProxy only where HAProxy’s tables would truncate it', async () => {
    const [short, exact, long] = ['conversation-42', 'c'.repeat(32), 'c'.repeat(33)]
    await listening(integration, home.origin, { gateway: 'haproxy' }, async ({ call }) => {
      for (const id of [short, exact, long, long]) await runWithSession(id, call)
    })
    const [first, second, third, fourth] = sent('x-session-id')
    expect([first, second]).toEqual([short, exact])
    expect(third).toMatch(/^[0-9a-f]{32}$/)
    expect(fourth).toBe(third)
  })

  it('sends Dynamo the parent of a child, lane or fork on request, and none where the key is the parent’s own', async () => {
    const parent = new Session(freshId())
    const speakers = [
      parent,
      parent.child('search'),
      parent.child(),
      parent.lane('titles'),
      parent.fork(),
      parent.child('search').lane('titles'),
      parent.fork({ shareCache: true }),
      Session.from(JSON.parse(JSON.stringify(parent.child('search')))),
      new Session('').child('search'),
    ]
    await listening(integration, home.origin, { gateway: dynamo }, async ({ call }) => {
      for (const speaker of speakers) await speaker.run(() => call())
      parent.repin()
      await parent.child('search').run(() => call())
      await parent.run(() => runWithoutSession(call))
    })
    const { key } = new Session(parent.id)
    const search = parent.child('search').key
    expect(sent('x-dynamo-parent-session-id')).toEqual([
      undefined,
      key,
      key,
      key,
      key,
      search,
      undefined,
      key,
      undefined,
      parent.key,
      undefined,
    ])
    expect(sent('x-dynamo-session-id').slice(0, 8)).toEqual(
      speakers.slice(0, 8).map((speaker) => (speaker === parent ? key : speaker.key)),
    )
    expect(sent('x-dynamo-session-id').at(-1)).toBeUndefined()
  })

  it('sends Dynamo no parent by default', async () => {
    const child = new Session(freshId()).child('search')
    await listening(integration, home.origin, { gateway: 'dynamo' }, ({ call }) => child.run(() => call()))
    expect(sent('x-dynamo-session-id')).toEqual([child.key])
    expect(sent('x-dynamo-parent-session-id')).toEqual([undefined])
  })

  it('sends the key of a side call without its session as the parent', async () => {
    const session = new Session(freshId())
    await listening(integration, home.origin, { gateway: { ...dynamo, requiresKey: true } }, async ({ call }) => {
      await session.run(() => runWithoutSession(call))
      // A lane that the user made carries its parent.
      await session.lane('titles').run(() => call())
    })
    expect(sent('x-dynamo-session-id')).toEqual([session.lane('side-call').key, session.lane('titles').key])
    expect(sent('x-dynamo-parent-session-id')).toEqual([undefined, session.key])
  })

  it('gives side calls a key only where LiteLLM requires one', async () => {
    const session = new Session(freshId())
    for (const gateway of ['litellm', { ...gateways.get('litellm'), requiresKey: true }] as const) {
      await listening(integration, home.origin, { gateway }, ({ call }) => session.run(() => runWithoutSession(call)))
    }
    expect(sent('x-litellm-session-id')).toEqual([undefined, session.lane('side-call').key])
  })

  it.each(['x-dynamo-parent-session-id', 'X-Dynamo-Parent-Session-ID'])(
    'keeps a parent that the caller sets as %s',
    async (name) => {
      const child = new Session(freshId()).child('search')
      await listening(integration, home.origin, { gateway: dynamo }, async ({ call }) => {
        for (let turn = 0; turn < 2; turn++) await child.run(() => call({ headers: { [name]: 'mine' } }))
      })
      expect(sent('x-dynamo-parent-session-id')).toEqual(['mine', 'mine'])
      expect(sent('x-dynamo-session-id')).toEqual([child.key, child.key])
    },
  )

  if (integration.redirects) {
    it.each([307, 302])('keeps a parent that the caller sets on the hops of a %d too', async (status) => {
      const child = new Session(freshId()).child('search')
      home.script(redirectTo('/again', status), redirectTo('/and-again', status))
      await listening(integration, home.origin, { gateway: dynamo }, async ({ call }) => {
        await child.run(() => call({ headers: { 'X-Dynamo-Parent-Session-ID': 'mine' } }))
      })
      expect(sent('x-dynamo-parent-session-id')).toEqual(['mine', 'mine', 'mine'])
      expect(sent('x-dynamo-session-id')).toEqual([child.key, child.key, child.key])
    })

    it('sends the parent again after a redirect to the same origin, and to no other origin', async () => {
      const parent = new Session(freshId())
      await listening(integration, home.origin, { gateway: dynamo }, async ({ call }) => {
        // From the first call the integration learns that redirects are followed below it.
        for (let turn = 0; turn < 3; turn++) {
          home.script(redirectTo('/again'), redirectTo(`${foreign.origin}/away`))
          await parent.child('search').run(() => call())
        }
      })
      expect(sent('x-dynamo-parent-session-id')).toEqual(Array(6).fill(parent.key))
      expect(foreign.requests).toHaveLength(3)
      const names = foreign.requests.flatMap(({ rawHeaders }) => rawHeaders.map(([name]) => name.toLowerCase()))
      expect(names.filter((name) => name.includes('dynamo'))).toEqual([])
    })
  }
})
