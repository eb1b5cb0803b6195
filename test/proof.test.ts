import { startRecorder } from 'llm-affinity-testkit'
import { describe, expect, it } from 'vitest'
import { runSnippet, snippetsOf, typeErrorsIn } from './support/snippets.ts'
import { keysAt } from './support/wire.ts'

const snippets = (await snippetsOf('docs/proof.md')).filter(({ language }) => language === 'ts')

describe('the snippets of docs/proof.md', () => {
  it('pass the compiler as they stand', async () => {
    expect(snippets.length).toBeGreaterThanOrEqual(2)
    expect(await typeErrorsIn(snippets)).toBe('')
  })

  it.each(snippets)('run as they stand, and stamp: the one in line $line', async (snippet) => {
    await using gateway = await startRecorder()
    expect(await runSnippet(snippet, gateway.origin)).toMatchObject({ code: 0, stderr: '' })
    expect(keysAt(gateway)).toContain('conversation-42')
  })
})
