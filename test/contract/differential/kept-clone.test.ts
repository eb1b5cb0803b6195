import { affinityFetch, type Fetch, runWithSession } from 'llm-affinity'
import { expect, it } from 'vitest'
import { recorder } from '../../support/recorder.ts'
import { keysAt } from '../../support/wire.ts'

const home = await recorder()

// A logger that reads the clones that it keeps later, or never.
const kept: Response[] = []
const logging: Fetch = async (...args) => {
  const response = await fetch(...args)
  kept.push(response.clone())
  return response
}

const call = (send: Fetch): Promise<Response> =>
  send(`${home.origin}/v1/chat/completions/`, {
    method: 'POST',
    body: '{}',
    headers: { 'content-type': 'application/json' },
  })

it.each([
  ['without a listener', {}],
  ['with a listener', { onOutcome: () => {} }],
])(
  'follows a redirect where the fetch below keeps a clone of each response: %s',
  { timeout: 10_000 },
  async (_name, options) => {
    home.script({ status: 307, headers: { location: '/v1/chat/completions' }, body: 'Temporary Redirect' })
    const response = await runWithSession('conversation-42', () => call(affinityFetch({ fetch: logging, ...options })))
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ object: 'chat.completion' })
    expect(home.requests.map(({ path }) => path)).toEqual(['/v1/chat/completions/', '/v1/chat/completions'])
    expect(keysAt(home)).toEqual(['conversation-42', 'conversation-42'])
  },
)
