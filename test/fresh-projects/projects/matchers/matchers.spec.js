import 'llm-affinity-testkit/vitest'
import { affinityFetch, runWithSession } from 'llm-affinity'
import { startRecorder } from 'llm-affinity-testkit'
import { expect, it } from 'vitest'

it('finds one key in all requests', async () => {
  await using server = await startRecorder()
  await runWithSession('conversation-42', async () => {
    await affinityFetch()(`${server.baseURL}/models`)
    await affinityFetch()(`${server.baseURL}/models`)
  })
  expect(server).toCarryOneKey('conversation-42')
  expect(() => expect(server).toCarryNoKey()).toThrow()
})
