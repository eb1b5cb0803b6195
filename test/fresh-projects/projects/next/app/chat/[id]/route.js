import { affinityFetch } from 'llm-affinity'
import { serverSessions } from 'llm-affinity/server'
import { after } from 'next/server'

const sessions = serverSessions({ secret: 'a secret of the test' })
const send = affinityFetch()

/** Calls in the handler, in a stream that is read later, and after the response. */
export const POST = sessions.handler(
  async (request, { params }) => {
    const { searchParams } = new URL(request.url)
    return { user: searchParams.get('user'), conversation: (await params).id }
  },
  async (request, { params }) => {
    const { searchParams } = new URL(request.url)
    const { id } = await params
    const call = async (name) => {
      const response = await send(`${searchParams.get('gateway')}/v1/models?${name}&${id}`)
      await response.text()
    }
    after(() => call('after'))
    await call('handler')
    async function* answer() {
      for (let step = 0; step < 3; step++) {
        await call('stream')
        yield new TextEncoder().encode('x'.repeat(64 * 1024))
      }
    }
    return new Response(ReadableStream.from(answer()))
  },
)
