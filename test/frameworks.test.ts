import { readFile } from 'node:fs/promises'
import { startRecorder } from 'llm-affinity-testkit'
import { describe, expect, it } from 'vitest'
import { runSnippet, snippetsOf, syntaxErrorIn, typeErrorsIn } from './support/snippets.ts'
import { keysAt } from './support/wire.ts'

const page = 'docs/frameworks.md'
const snippets = await snippetsOf(page)
const typed = snippets.filter(({ language }) => language === 'ts')
const plain = snippets.filter(({ language }) => language === 'js')
const json = { 'content-type': 'application/json' }

describe(page, () => {
  it('has TypeScript for what is installed, JavaScript for the rest, and nothing else', () => {
    expect(typed.length).toBeGreaterThanOrEqual(11)
    expect(plain.length + typed.length).toBe(snippets.length)
  })

  it('shows TypeScript that the compiler takes', async () => {
    expect(await typeErrorsIn(typed)).toBe('')
  })

  it.each(typed)('does what it says at line $line', async (snippet) => {
    await using gateway = await startRecorder()
    // APIs that the recorder does not speak: any answer will do.
    if (/'@google\/genai'|'ollama'/.test(snippet.code)) gateway.script({ status: 200, headers: json, body: '{}' })
    const { code, stderr } = await runSnippet(snippet, gateway.origin)
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(gateway.requests.length).toBeGreaterThan(0)
    expect(new Set(keysAt(gateway))).toEqual(new Set(['conversation-42']))
  })

  it.each(plain)('shows JavaScript without a slip at line $line', async (snippet) => {
    expect(await syntaxErrorIn(snippet)).toBe('')
  })

  it('names the versions that are installed', async () => {
    const text = await readFile(new URL(`../${page}`, import.meta.url), 'utf8')
    const manifest = await readFile(new URL('../examples/package.json', import.meta.url), 'utf8')
    const { dependencies } = JSON.parse(manifest) as { dependencies: Record<string, string> }
    const shown = typed.flatMap(({ code }) =>
      [...code.matchAll(/from '((?:@[\w-]+\/)?[\w-]+)/g)].map(([, name = '']) => name),
    )
    for (const name of new Set(shown)) {
      if (name !== 'llm-affinity') expect(text).toMatch(new RegExp(`^(.*, )?${name} ${dependencies[name]}\\b`, 'm'))
    }
  })
})
