import { affinityFetch, runWithSession, Session } from 'llm-affinity'

test('stamps', async () => {
  const url = `${process.env.GATEWAY}/v1/models`
  await affinityFetch({ session: new Session('conversation 42') })(url)
  await runWithSession('conversation-42', async () => {
    await null
    await affinityFetch()(url)
  })
  expect(new Session().key).toMatch(/^[0-9a-f]{32}$/)
})
