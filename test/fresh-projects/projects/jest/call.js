// What both tests do. An app's own modules would be imported in the same way.
const { affinityFetch, runWithSession, Session } = require('llm-affinity')

module.exports = async function call(gateway) {
  const url = `${gateway}/v1/models`
  await affinityFetch({ session: new Session('conversation 42') })(url)
  await runWithSession('conversation-42', async () => {
    await null
    await affinityFetch()(url)
  })
  return new Session().key
}
