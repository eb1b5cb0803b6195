import { type Step, startRecorder } from 'llm-affinity-testkit'
import { expect, it } from 'vitest'
import { runSnippet, snippetsOf } from '../support/snippets.ts'
import { keysAt } from '../support/wire.ts'
import { delta, EVENTS, last } from './support/answers.ts'

const snippets = await snippetsOf('docs/proof.md')
const at = snippets.findIndex(({ code }) => code.includes('SessionReport') && code.includes('createServer'))

const answer = (prompt: number, cached: number): Step => ({
  status: 200,
  headers: { ...EVENTS, 'x-backend': 'a' },
  body: delta('Hi') + last({ prompt_tokens: prompt, prompt_tokens_details: { cached_tokens: cached } }),
})

it('the agent server of docs/proof.md logs what the page shows', async () => {
  await using gateway = await startRecorder()
  gateway.script(answer(4000, 0), answer(6000, 4000))
  const [server, shown] = snippets.slice(at)
  if (server === undefined || shown === undefined) throw new Error('a server and what it logs')
  expect(await runSnippet(server, gateway.origin)).toEqual({ code: 0, stderr: '', stdout: shown.code })
  expect(keysAt(gateway)).toEqual(['conversation-42', 'conversation-42'])
  expect(gateway.requests[1]?.json()).toMatchObject({
    messages: [{ content: 'Hello' }, { role: 'assistant', content: 'Hi' }, { content: 'And then?' }],
  })
})
