import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { runSnippet, snippetsOf, typeErrorsIn } from './support/snippets.ts'

const agent = fileURLToPath(new URL('../examples/testing/agent.ts', import.meta.url))
const snippets = (await snippetsOf('packages/testkit/README.md')).filter(({ language }) => language === 'ts')
// A file for a test runner: examples/testing has one like it, which is run.
const alone = snippets.filter(({ code }) => !code.includes("from 'vitest'"))

describe('the snippets of the testkit’s README', () => {
  it('pass the compiler', async () => {
    expect(snippets.length).toBeGreaterThanOrEqual(3)
    const placed = snippets.map((each) => ({ ...each, code: each.code.replace('./agent.ts', agent) }))
    expect(await typeErrorsIn(placed)).toBe('')
  })

  it.each(alone)('run as they stand: the one in line $line', async (snippet) => {
    expect(await runSnippet(snippet, 'http://gateway:4000')).toMatchObject({ code: 0, stderr: '' })
  })
})
