import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { pinned } from '../fresh-projects/pinned.ts'
import { snippetsOf, syntaxErrorIn } from '../support/snippets.ts'

const page = 'docs/servers.md'
const snippets = await snippetsOf(page)

describe(page, () => {
  it.each(snippets)('shows JavaScript without a syntax error at line $line', async (snippet) => {
    expect(snippet.language).toBe('js')
    expect(await syntaxErrorIn(snippet)).toBe('')
  })

  it('names the versions that are run, and no others', async () => {
    const text = await readFile(new URL(`../../${page}`, import.meta.url), 'utf8')
    const rows = [...(text.split('## Tested with')[1] ?? '').matchAll(/^\| (\S+) \| (\d.*?) \|$/gm)]
    const named = Object.fromEntries(rows.map(([, name, versions]) => [name, versions]))
    const { servers, 'servers-old': old } = pinned
    const both = Object.keys(servers).map((name) => [name, `${Reflect.get(old, name)}, ${Reflect.get(servers, name)}`])
    expect(named).toEqual({ ...Object.fromEntries(both), next: `${pinned.next15.next}, ${pinned.next16.next}` })
  })
})
