// What every bundle does. Who runs it puts the gateway's URL into a global.

import { affinityFetch, runWithSession, Session } from 'llm-affinity'

const url = `${globalThis.gateway}/v1/models`
const session = new Session('conversation-42')

async function main() {
  await affinityFetch({ session })(url)
  await runWithSession(session, async () => {
    await null
    await affinityFetch()(url)
  })
}

main().catch((error) => console.log(String(error)))
