import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Session } from 'llm-affinity'
import { fail, startRecorder } from 'llm-affinity-testkit'
import { describe, expect, it } from 'vitest'
import { type ChatEvent, Chats } from '../examples/chat-app/chats.ts'
import { Feed } from '../examples/chat-app/feed.ts'
import { startReplicas, startStandIn } from '../examples/chat-app/fleet.ts'
import { createModel } from '../examples/chat-app/model.ts'
import { folderOf } from './gateways/support/folder.ts'
import { type Process, startProcess } from './gateways/support/process.ts'
import { runNode } from './support/child.ts'
import { keyOn } from './support/wire.ts'

const main = fileURLToPath(new URL('../examples/chat-app/main.ts', import.meta.url))

describe('the chat app on the command line', () => {
  it('starts, says where it is, and leaves nothing behind', async () => {
    const folder = await folderOf({})
    await using app = await startMain([], { TMPDIR: folder.path })
    expect(app.said()).toMatch(/^Caddy (hashes|is not installed).*\nOpen http:.*\n$/)
    expect((await fetch(app.origin)).status).toBe(200)
    await app.stop()
    await expect(fetch(app.origin)).rejects.toThrow()
    // What it removes once Caddy has ended.
    expect(await readdir(folder.path)).toEqual([])
    await folder.remove()
  })

  it('takes a gateway of your own, and says in the chat what it answers', async () => {
    await using gateway = await startRecorder()
    await using app = await startMain(['--gateway', gateway.baseURL, '--model', 'ours'])
    expect(app.said()).toContain(`The model endpoint is ${gateway.baseURL}\n`)
    const browser = await logIn(app.origin)
    const { id } = (await (await browser('POST', 'conversations')).json()) as { id: string }
    const turn = async (text: string) => {
      expect((await browser('POST', `conversations/${id}/turns`, { text })).status).toBe(202)
      await expect.poll(async () => (await stateOf(browser)).conversations[0]?.busy).toBe(false)
      return (await stateOf(browser)).conversations[0]?.messages.at(-1)
    }
    expect(await turn('Hello')).toEqual({ role: 'assistant', text: 'Received and recorded.' })
    gateway.script(fail(400))
    expect(await turn('And now?')).toMatchObject({ role: 'error' })
    expect(await turn('Again')).toEqual({ role: 'assistant', text: 'Received and recorded.' })
    // A turn and its title, and two turns more. What failed is in no later prompt.
    expect(gateway.requests).toHaveLength(4)
    expect(new Set(gateway.requests.map(keyOn)).size).toBe(2)
    expect(gateway.requests[3]?.json()).toMatchObject({ model: 'ours' })
    expect(gateway.requests[3]?.text()).not.toContain('And now?')
  })

  it.each([
    [['--port', 'x'], 'Expected a port'],
    [['--gateway', 'gateway'], 'Expected a URL'],
    [['--unknown'], "unknown option '--unknown'"],
  ])('says in one line what is wrong with %j', async (args, message) => {
    const { code, stdout, stderr } = await runNode([main, ...args])
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain(message)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })

  it('says that the port is taken', async () => {
    await using gateway = await startRecorder()
    const { port } = new URL(gateway.origin)
    const { code, stderr } = await runNode([main, '--port', port, '--gateway', gateway.baseURL])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^listen EADDRINUSE[^\n]*\n$/)
  })
})

describe('where Caddy is not installed', () => {
  it('what stands in pins by the same header', async () => {
    await using stack = new AsyncDisposableStack()
    const replicas = await startReplicas({ prefillMsPerToken: 0, decodeMsPerToken: 0 })
    for (const replica of replicas) stack.use(replica)
    const fleet = stack.use(await startStandIn(replicas))
    expect(fleet.about).toContain('npm run gateways:install')
    const ask = createModel(fleet, 'test-model')
    const call = () => ask({ instructions: 'Be brief.', messages: [{ role: 'user', content: 'Hello' }] })
    const several = (run: typeof call) => Promise.all(Array.from({ length: 16 }, run))
    const pinned = await several(() => new Session('conversation-42').run(call))
    expect(new Set(pinned.map(({ replica }) => replica)).size).toBe(1)
    expect(new Set((await several(call)).map(({ replica }) => replica)).size).toBeGreaterThan(1)
  })
})

describe('the chats of a user', () => {
  it('are the newest, and say no more of those that were removed', async () => {
    const fleet = { about: '', baseURL: '', backendHeader: '', replicas: [], [Symbol.asyncDispose]: async () => {} }
    const chats = new Chats('a user', 'a secret', fleet)
    const first = chats.create()
    chats.begin(first, 'Hello')
    const others = Array.from({ length: 100 }, () => chats.create().id)
    const kept = others.filter((id) => chats.get(id) !== undefined)
    expect(chats.get(first.id)).toBeUndefined()
    expect(kept).toEqual(others.slice(-30))

    const events = chats.events()
    for (let text = 0; text < 1_000; text++) chats.end(first, `${text}`)
    expect(first.messages).toHaveLength(100)
    expect(first.messages.at(-1)?.text).toBe('999')
    chats.close()
    let told = 0
    for await (const _ of events) told++
    expect(told).toBe(1)
  })
})

describe('the feed', () => {
  it('lets go of a reader that does not read, and holds no more for it', async () => {
    const feed = new Feed<number>()
    const slow = feed.open(0)
    const events = 10_000
    for (let event = 1; event <= events; event++) feed.publish(event)
    let read = 0
    for await (const _ of slow) read++
    expect(read).toBeGreaterThan(100)
    expect(read).toBeLessThan(events)
  })
})

interface Started extends Process {
  readonly origin: string
}

/** The program, once it has said where it is. */
async function startMain(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Started> {
  const address = /Open (\S+) /
  const child = await startProcess(process.execPath, [main, '--port', '0', ...args], {
    env,
    ready: async (said) => address.test(said),
  })
  return { ...child, origin: address.exec(child.said())?.[1] ?? '' }
}

type Send = (method: string, path: string, body?: object) => Promise<Response>

/** Sends what the page would send, as a user who is logged in. */
async function logIn(origin: string): Promise<Send> {
  const cookie = (await fetch(origin)).headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const headers = { cookie, 'content-type': 'application/json' }
  return (method, path, body) =>
    fetch(`${origin}/api/${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })
}

/** The first event, which has all there is. */
async function stateOf(send: Send): Promise<ChatEvent & { readonly type: 'state' }> {
  const { body } = await send('GET', 'events')
  for await (const bytes of body ?? []) {
    const event: ChatEvent = JSON.parse(new TextDecoder().decode(bytes).replace(/^data: /, ''))
    if (event.type === 'state') return event
  }
  throw new Error('the stream has no state')
}
