import { affinityFetch, runWithSession, Session } from 'llm-affinity'

/** What both routes do: a call in a scope, a call for a bound session, and something to warn about. */
export async function answer(request) {
  const url = `${new URL(request.url).searchParams.get('gateway')}/v1/models`
  await affinityFetch({ session: new Session('') })(url)
  await affinityFetch({ session: new Session('conversation 42') })(url)
  await runWithSession('conversation-42', async () => {
    await null
    await affinityFetch()(url)
  })
  return Response.json({ runtime: process.env.NEXT_RUNTIME })
}
