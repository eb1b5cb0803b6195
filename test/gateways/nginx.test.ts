import { affinityFetch, runWithSession } from 'llm-affinity'
import { type Recorder, startRecorder } from 'llm-affinity-testkit'
import { expect, it } from 'vitest'
import { nginx } from './programs/nginx.ts'
import { describeProgram } from './support/describe.ts'
import { startFleet } from './support/fleet.ts'
import { placesOf } from './support/places.ts'
import type { StartOptions } from './support/program.ts'

const ids = Array.from({ length: 60 }, (_, at) => `conversation-${at}`)

// What docs/gateways/nginx.md says goes wrong.
describeProgram(nginx, () => {
  it('loses a header with an underscore, unless it is told to let it through', async () => {
    const ours = { name: 'ours', headers: ['session_id', 'session-id'] }
    const receivedWith = async (options?: StartOptions): Promise<(string | undefined)[]> => {
      await using recorder = await startRecorder()
      await using gateway = await nginx.start([named(recorder), named(recorder), named(recorder)], options)
      recorder.clear()
      const send = affinityFetch({ gateway: ours })
      await runWithSession('conversation-42', () => send(`${gateway.origin}/v1/models`))
      return ours.headers.map((name) => recorder.requests[0]?.header(name))
    }
    expect(await receivedWith()).toEqual([undefined, 'conversation-42'])
    const edit = (config: string): string => config.replace('http {', 'http { underscores_in_headers on;')
    expect(await receivedWith({ edit })).toEqual(['conversation-42', 'conversation-42'])
  })

  it('moves the sessions of a server that is taken out, and without `consistent` many others too', async () => {
    const movedWith = async (change: (config: string) => string): Promise<number> => {
      await using fleet = await startFleet(nginx, { edit: change })
      const before = await placesOf(fleet.origin, ids, { gateway: 'nginx' })
      const lost = 'server 127.0.0.1:9003;'
      await fleet.gateway.reload?.({ edit: (config) => change(config).replace(lost, `# ${lost}`) })
      const after = await placesOf(fleet.origin, ids, { gateway: 'nginx' })
      const gone = new URL(fleet.replica('C').origin).host
      expect(before).toContain(gone)
      expect(after).not.toContain(gone)
      return before.filter((place, at) => place !== gone && place !== after[at]).length
    }
    expect(await movedWith((config) => config)).toBe(0)
    expect(await movedWith((config) => config.replace(' consistent;', ';'))).toBeGreaterThan(ids.length / 6)
  })

  it('names all backends that it has tried, unless it is told to name the last', async () => {
    const namedAfterADeath = async (options?: StartOptions): Promise<string | undefined> => {
      await using fleet = await startFleet(nginx, options)
      const [before] = await placesOf(fleet.origin, ['conversation-42'], { gateway: 'nginx' })
      await fleet.replicas.find(({ origin }) => origin.endsWith(before ?? ''))?.close()
      const [after] = await placesOf(fleet.origin, ['conversation-42'], { gateway: 'nginx' })
      return after?.replace(before ?? '', 'BEFORE')
    }
    const edit = (config: string): string => config.replace('X-Backend $backend', 'X-Backend $upstream_addr')
    expect(await namedAfterADeath({ edit })).toMatch(/^BEFORE, 127\.0\.0\.1:\d+$/)
    expect(await namedAfterADeath()).toMatch(/^127\.0\.0\.1:\d+$/)
  })

  it('refuses a conversation of more than a megabyte, unless it is told how much may come', async () => {
    const statusWith = async (options?: StartOptions): Promise<number> => {
      await using recorder = await startRecorder()
      await using gateway = await nginx.start([named(recorder), named(recorder), named(recorder)], options)
      const body = JSON.stringify({
        model: 'test-model',
        messages: [{ role: 'user', content: 'word '.repeat(300_000) }],
      })
      const send = affinityFetch({ gateway: 'nginx' })
      const response = await runWithSession('conversation-42', () =>
        send(`${gateway.origin}/v1/chat/completions`, {
          method: 'POST',
          body,
          headers: { 'content-type': 'application/json' },
        }),
      )
      await response.body?.cancel()
      return response.status
    }
    expect(await statusWith({ edit: (config) => config.replace(/client_max_body_size .*;/, '') })).toBe(413)
    expect(await statusWith()).toBe(200)
  })
})

function named({ origin }: Recorder): { readonly name: string; readonly origin: string } {
  return { name: 'recorder', origin }
}
