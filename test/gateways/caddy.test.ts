import { setTimeout as sleep } from 'node:timers/promises'
import { affinityFetch, runWithSession } from 'llm-affinity'
import OpenAI from 'openai'
import { expect, it } from 'vitest'
import { caddy, caddyOfDebian } from './programs/caddy.ts'
import { startByHand } from './support/byhand.ts'
import { describeProgram } from './support/describe.ts'
import { startFleet } from './support/fleet.ts'
import { placesOf } from './support/places.ts'
import type { Program } from './support/program.ts'

const ids = Array.from({ length: 60 }, (_, at) => `conversation-${at}`)
const policy = 'lb_policy header X-Session-Id'
const noTries = (config: string): string => config.replace(/lb_try_duration .*/, '')
const tries = (config: string): string => noTries(config).replace(policy, `${policy}\n\t\tlb_try_duration 5s`)
const noMemory = (config: string): string => config.replace(/fail_duration .*/, '')

// What docs/gateways/caddy.md says goes wrong.
for (const program of [caddy, caddyOfDebian]) {
  const isOld = program === caddyOfDebian

  describeProgram(program, () => {
    it('keeps a session on a backend that is dead, unless it is told to remember failures', async () => {
      const statusesWith = (edit: (config: string) => string): Promise<number[]> =>
        afterADeath(program, edit, async ({ post, lost }) => {
          const statuses: number[] = []
          for (let call = 0; call < 3; call++) statuses.push((await post(lost[0] ?? '')).status)
          return statuses
        })
      expect(await statusesWith((config) => noTries(noMemory(config)))).toEqual([502, 502, 502])
      expect(await statusesWith(noTries)).toEqual([502, 200, 200])
    })

    it(
      isOld
        ? 'fails a call when a backend dies and moves sessions of the others too, with lb_try_duration'
        : 'fails no call when a backend dies and moves only its sessions, with lb_try_duration',
      async () => {
        const { failed, moved } = await afterADeath(program, tries, async ({ post, placed, lost }) => {
          // At once, and twice: what the first calls have done shows in where the second ones go.
          const all = [...(await Promise.all(ids.map(post))), ...(await Promise.all(ids.map(post)))]
          const isMoved = ({ id, place }: Posted): boolean => !lost.includes(id) && place !== placed.get(id)
          return { failed: all.filter(({ status }) => status !== 200).length, moved: all.filter(isMoved).length }
        })
        expect({ fails: failed > 0, moves: moved > 0 }).toEqual({ fails: isOld, moves: isOld })
      },
    )

    it(`${isOld ? 'refuses' : 'accepts'} a policy for calls without a session`, async () => {
      const edit = (config: string): string => config.replace(policy, `${policy} {\n\t\t\tfallback least_conn\n\t\t}`)
      const started = startFleet(program, { edit }).then((fleet) => fleet[Symbol.asyncDispose]())
      if (isOld) await expect(started).rejects.toThrow("Unexpected token '{'")
      else await started
    })

    it(`${isOld ? 'ends as if it were complete' : 'breaks off'} a stream that its backend has broken off`, async () => {
      await using backend = await startByHand('broken', async (response) => {
        await sleep(20)
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'half' } }] })}\n\n`)
        await sleep(20)
        response.destroy()
      })
      await using gateway = await program.start([backend, backend, backend])
      const client = new OpenAI({ baseURL: `${gateway.origin}/v1`, apiKey: 'none', maxRetries: 0 })
      const stream = await client.chat.completions.create({ model: 'test-model', messages: [], stream: true })
      const read = async (): Promise<string> => {
        let said = ''
        for await (const { choices } of stream) said += choices[0]?.delta.content
        return said
      }
      if (isOld) expect(await read()).toBe('half')
      else await expect(read()).rejects.toThrow('terminated')
    })
  })
}

interface Posted {
  readonly id: string
  readonly status: number
  /** The `x-backend` of the answer. */
  readonly place: string | null
}

interface Death {
  /** Where the sessions were before. */
  readonly placed: ReadonlyMap<string, string>
  /** Those whose backend has died. */
  readonly lost: readonly string[]
  /** A call of a session, as a chat makes it. */
  post(id: string): Promise<Posted>
}

/** What is found once a backend has died on which many of the sessions are. */
async function afterADeath<T>(
  program: Program,
  edit: (config: string) => string,
  look: (death: Death) => Promise<T>,
): Promise<T> {
  await using fleet = await startFleet(program, { edit })
  const places = await placesOf(fleet.origin, ids, { gateway: 'caddy' })
  const placed = new Map(ids.map((id, at) => [id, places[at] ?? '']))
  const send = affinityFetch({ gateway: 'caddy' })
  const body = JSON.stringify({ model: 'test-model', messages: [{ role: 'user', content: 'Hello' }] })
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body }
  const [dead = ''] = places
  await fleet.replicas.find(({ origin }) => origin.endsWith(dead))?.close()
  return await look({
    placed,
    lost: ids.filter((id) => placed.get(id) === dead),
    post: async (id) => {
      const response = await runWithSession(id, () => send(`${fleet.origin}/v1/chat/completions`, init))
      await response.body?.cancel()
      return { id, status: response.status, place: response.headers.get('x-backend') }
    },
  })
}
