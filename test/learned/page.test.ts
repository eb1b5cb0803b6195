import { startRecorder } from 'llm-affinity-testkit'
import { describe, expect, it } from 'vitest'
import { runSnippet, snippetsOf, typeErrorsIn } from '../support/snippets.ts'

const snippets = (await snippetsOf('docs/state.md')).filter(({ language }) => language === 'ts')

describe('the snippets of docs/state.md', () => {
  it('pass the compiler as they stand', async () => {
    expect(snippets.length).toBe(4)
    expect(await typeErrorsIn(snippets)).toBe('')
  })

  it.each(snippets)('run as they stand: the one in line $line', async (snippet) => {
    await using gateway = await startRecorder()
    expect(await runSnippet(snippet, gateway.origin)).toMatchObject({ code: 0, stderr: '' })
    if (snippet.code.includes('runWithSession')) expect(gateway.requests.length).toBeGreaterThan(0)
  })
})
