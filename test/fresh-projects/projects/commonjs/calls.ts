// CommonJS in TypeScript with the classic resolution of modules, as Nest's generator and many older applications have it.
import { affinityFetch, runWithoutSession, runWithSession, Session } from 'llm-affinity'
import { gateways } from 'llm-affinity/gateways'
import { affinityInterceptor } from 'llm-affinity/undici'
import { SessionReport } from 'llm-affinity/usage'

// Older compilers infer the type of `affinityFetch()` from where it is used.
export const options: { fetch?: typeof fetch | undefined } = { fetch: affinityFetch() }
export const clientOptions: { fetch?: typeof fetch } = { fetch: affinityFetch({ origins: 'http://gateway:4000' }) }

export async function calls(gateway: string): Promise<string> {
  const url = `${gateway}/v1/models`
  await affinityFetch({ session: new Session('conversation 42') })(url)
  await runWithSession('conversation-42', async () => {
    await null
    await affinityFetch()(url)
    await runWithoutSession(() => affinityFetch()(url))
  })
  // The ES modules of a dependency share the scope of this copy.
  const esm: typeof import('llm-affinity') = await new Function('return import("llm-affinity")')()
  await runWithSession('conversation-43', () => esm.affinityFetch()(url))
  await esm.runWithSession('conversation-44', () => affinityFetch()(url))
  return [gateways.size > 20, typeof affinityInterceptor, typeof SessionReport].join()
}
