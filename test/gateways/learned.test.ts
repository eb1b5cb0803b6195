import { runWithSession, withAffinity } from 'llm-affinity'
import { LearnedState } from 'llm-affinity/learned'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { describeProgram } from './support/describe.ts'
import { startFleet } from './support/fleet.ts'
import { ISSUER_SET_UPS } from './support/issuers.ts'

const messages = [{ role: 'user' as const, content: 'Hello' }]
const IDS = Array.from({ length: 50 }, (_, at) => `conversation-${at}`)

/** The replicas that answered six turns of each conversation, all conversations at once. */
async function replicasOf(client: OpenAI, turns = 6): Promise<(string | null)[][]> {
  return Promise.all(
    IDS.map((id) =>
      runWithSession(id, async () => {
        const answers: (string | null)[] = []
        for (let turn = 0; turn < turns; turn++) {
          const { response } = await client.chat.completions.create({ model: 'test-model', messages }).withResponse()
          answers.push(response.headers.get('x-replica'))
        }
        return answers
      }),
    ),
  )
}

const distinct = (answers: readonly unknown[]): number => new Set(answers).size

for (const { title, program, edit, learn } of ISSUER_SET_UPS) {
  describeProgram(program, () => {
    describe(title, () => {
      it('keeps each of 50 conversations on one replica, over all three, and without learned state does not', async () => {
        await using fleet = await startFleet(program, { edit })
        const client = new OpenAI({ baseURL: `${fleet.origin}/v1`, apiKey: 'none', maxRetries: 5 })
        const pinned = await replicasOf(withAffinity(client, { use: new LearnedState(learn) }))
        expect(pinned.map(distinct)).toEqual(IDS.map(() => 1))
        expect(distinct(pinned.flat())).toBe(3)
        const scattered = await replicasOf(withAffinity(client))
        expect(scattered.filter((answers) => distinct(answers) > 1).length).toBeGreaterThan(IDS.length / 2)
      })

      it('loses no conversation of a replica that dies, and moves no other', async () => {
        await using fleet = await startFleet(program, { edit })
        const client = new OpenAI({ baseURL: `${fleet.origin}/v1`, apiKey: 'none', maxRetries: 9 })
        const wrapped = withAffinity(client, { use: new LearnedState(learn) })
        const before = await replicasOf(wrapped, 2)
        await fleet.replica('A').close()
        const after = await replicasOf(wrapped, 2)
        for (const [at, [first]] of before.entries()) {
          const [next, last] = after[at] ?? []
          expect(next).toBe(last)
          if (first === 'A') expect(next).not.toBe('A')
          else expect(next).toBe(first)
        }
        expect(before.some(([first]) => first === 'A')).toBe(true)
      })
    })
  })
}
