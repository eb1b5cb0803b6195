import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startReplica } from 'llm-affinity-testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runSnippet, snippetsOf } from '../support/snippets.ts'
import { traefik } from './programs/traefik.ts'
import { describeProgram } from './support/describe.ts'
import { type Fleet, startFleet } from './support/fleet.ts'
import { piecesThrough } from './support/pieces.ts'
import { placesOf, stamped } from './support/stamped.ts'
import { talk } from './support/traffic.ts'

// What docs/gateways/traefik.md says.
describeProgram(traefik, () => {
  let fleet: Fleet
  beforeAll(async () => {
    fleet = await startFleet(traefik)
  })
  afterAll(() => fleet?.[Symbol.asyncDispose]())

  it('does not pin by a key in a header', async () => {
    const { all } = stamped(traefik, fleet)
    await talk(all, 6)
    expect(placesOf(all).filter((at) => at.length === 1).length).toBeLessThan(all.length / 4)
  })

  it('pins by its cookie, which it sets once for each session, with the client of its page', async () => {
    const sessions = await askedByThePage(fleet.origin)
    for (const answers of sessions) {
      expect(new Set(answers.map(({ replica }) => replica)).size).toBe(1)
      expect(answers.map(({ cookies }) => cookies.length)).toEqual([1, 0, 0, 0])
    }
    const firsts = sessions.flatMap(([first]) => first ?? [])
    expect(new Set(firsts.map(({ replica }) => replica)).size).toBe(3)
    expect(new Set(firsts.map(({ cookies: [cookie] }) => cookie)).size).toBe(3)
    for (const { cookies } of firsts) expect(cookies[0]).toMatch(/^llm_backend=[0-9a-f]{16}; Path=\/; HttpOnly$/)
  })

  it('moves the sessions of a backend that dies, and no others, with the client of its page and no health check', async () => {
    await using own = await startFleet(traefik, { edit: (config) => config.replace(/healthCheck: .*/, '') })
    await using killer = await startControl(() => own.replica('A').close())
    const sessions = await askedByThePage(own.origin, killer.origin)
    for (const answers of sessions) {
      const [, before, after, last] = answers.map(({ replica }) => replica)
      expect(last).toBe(after)
      if (before === 'A') expect(after).not.toBe('A')
      else expect(after).toBe(before)
    }
    expect(sessions.some(([first]) => first?.replica === 'A')).toBe(true)
  })

  it('answers a cookie of a dead backend with 502 for good, and sets no other, without a health check', async () => {
    await using own = await startFleet(traefik, { edit: (config) => config.replace(/healthCheck: .*/, '') })
    const { replica, cookie } = await ask(own.origin)
    await own.replica(replica ?? '').close()
    for (let call = 0; call < 4; call++) {
      expect(await ask(own.origin, cookie)).toEqual({ status: 502, replica: null, cookie: undefined })
    }
  })

  it('sets another cookie once it has found the backend dead, and does not return to it', async () => {
    await using own = await startFleet(traefik, { edit: checkedEvery('100ms') })
    const { replica, cookie } = await ask(own.origin)
    const lost = own.replica(replica ?? '')
    await lost.close()
    await expect.poll(async () => (await ask(own.origin, cookie)).status, { timeout: 20_000 }).toBe(200)
    const moved = await ask(own.origin, cookie)
    expect(moved.cookie).toMatch(/^llm_backend=/)
    expect(moved.cookie).not.toBe(cookie)
    await using _ = await startReplica({ name: lost.name, cacheTokens: 1000, port: Number(new URL(lost.origin).port) })
    await expect.poll(async () => (await ask(own.origin, cookie)).replica, { timeout: 20_000 }).toBe(replica)
    expect((await ask(own.origin, moved.cookie)).replica).toBe(moved.replica)
  })

  it('hands on what a backend has written, before it writes more', async () => {
    expect(await piecesThrough(traefik)).toEqual(['piece 0', 'piece 1', 'piece 2'])
  })
})

const checkedEvery = (interval: string) => (config: string) => config.replace('interval: 5s', `interval: ${interval}`)

interface Asked {
  readonly replica: string | null
  readonly cookies: readonly string[]
}

/** Four turns of each of twelve sessions, by the client that the page shows; after two, whoever listens at `halfway` is asked. */
async function askedByThePage(origin: string, halfway?: string): Promise<readonly (readonly Asked[])[]> {
  const [snippet] = (await snippetsOf('docs/gateways/traefik.md')).filter(({ language }) => language === 'ts')
  if (snippet === undefined) throw new Error('The page shows no client')
  // Without a health check, the dead backend is still given to a third of the calls without a cookie.
  const more = `
    const patient = openai.withOptions({ maxRetries: 9 })
    const rounds = async (count: number) => Promise.all(Array.from({ length: 12 }, (_, at) => runWithSession('session-' + at, async () => {
      const answers = []
      for (let turn = 0; turn < count; turn++) {
        const { response: { headers } } = await patient.chat.completions.create({ model: 'test-model', messages }).withResponse()
        answers.push({ replica: headers.get('x-replica'), cookies: headers.getSetCookie() })
      }
      return answers
    })))
    const before = await rounds(2)
    ${halfway === undefined ? '' : `await fetch('${halfway}')`}
    const after = await rounds(2)
    console.log(JSON.stringify(before.map((answers, at) => [...answers, ...after[at]])))`
  const { code, stdout, stderr } = await runSnippet({ ...snippet, code: snippet.code + more }, origin)
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

/** A call with this cookie, or none. */
async function ask(origin: string, cookie?: string) {
  const response = await fetch(`${origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(cookie !== undefined && { cookie }) },
    body: JSON.stringify({ model: 'test-model', messages: [{ role: 'user', content: 'Hello' }] }),
  })
  await response.body?.cancel()
  const { status, headers } = response
  return { status, replica: headers.get('x-replica'), cookie: headers.getSetCookie()[0]?.split(';')[0] }
}

/** Does something whenever it is asked. */
async function startControl(act: () => Promise<void>): Promise<{ readonly origin: string } & AsyncDisposable> {
  const server = createServer((_, response) => {
    act().then(() => response.end())
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
