import { createServer } from 'node:net'
import { startBalancer } from 'llm-affinity-testkit'
import { expect, it } from 'vitest'
import { against, doctor } from './support/doctor.ts'
import { startHop } from './support/hops.ts'

/** A port that is free now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

it.each(['openai', 'anthropic'])('shows that the key arrives after all hops: %s', async (api) => {
  const port = await freePort()
  await using gateway = await startBalancer({ targets: [`http://127.0.0.1:${port}`], policy: 'random' })
  const told = await doctor(against(gateway.baseURL, '--api', api, '--echo', String(port)))
  expect(told.json()).toMatchObject({
    verdict: 'key-arrives',
    exitCode: 0,
    gateway: { name: 'generic' },
    echo: { arrived: ['x-litellm-session-id', 'x-session-id'], lost: [], changed: [], othersLost: [] },
  })
  expect(told.code).toBe(0)
})

it('shows what a hop strips', async () => {
  const port = await freePort()
  await using hop = await startHop({
    to: () => `http://127.0.0.1:${port}`,
    passes: (name) => !name.startsWith('x-session') && !name.includes('_'),
  })
  const told = await doctor(against(hop.baseURL, '--gateway', 'caddy', '--echo', String(port)))
  expect(told.code).toBe(1)
  expect(told.json()).toMatchObject({
    verdict: 'key-lost',
    exitCode: 1,
    echo: { sent: ['x-session-id'], lost: ['x-session-id'], arrived: [] },
  })
  expect(told.json().why.join(' ')).toContain('`x-session-affinity`, ')
  expect(told.json().next.join(' ')).toContain('one hop closer to the client')
})

it('shows a name with underscores that was dropped, and says who does that', async () => {
  const port = await freePort()
  await using hop = await startHop({ to: () => `http://127.0.0.1:${port}`, passes: (name) => !name.includes('_') })
  const args = against(hop.baseURL, '--header', 'session_id', '--echo', String(port)).filter(
    (each) => each !== '--json',
  )
  const told = await doctor(args)
  expect(told.code).toBe(1)
  expect(told.stdout).toMatch(/session_id\s+│ lost/)
  expect(told.stdout).toContain('underscores_in_headers on;')
})

it('waits until it is behind the gateway', async () => {
  const port = await freePort()
  let calls = 0
  await using gateway = await startHop({
    to: () => {
      calls += 1
      return `http://127.0.0.1:${calls < 3 ? 9 : port}`
    },
  })
  expect((await doctor(against(gateway.baseURL, '--echo', String(port)))).json()).toMatchObject({
    verdict: 'key-arrives',
  })
  // Two that went elsewhere, the one that was heard, and one with all other names.
  expect(calls).toBe(4)
})

it('says so when its port is taken', async () => {
  await using taken = await startHop({ to: () => '' })
  const told = await doctor(against('http://127.0.0.1:9/v1', '--echo', new URL(taken.origin).port))
  expect(told.code).toBe(3)
  expect(told.json().error).toMatch(/^The echo server cannot listen: .*EADDRINUSE/)
})
