import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { startRecorder } from 'llm-affinity-testkit'
import { describe, expect, it } from 'vitest'
import { gateways } from '../../packages/llm-affinity/src/gateways/table.ts'
import { answer } from '../support/outcomes.ts'
import { runSnippet, snippetsOf, typeErrorsIn } from '../support/snippets.ts'
import { programs } from './programs/index.ts'
import { page, recipes, withTable } from './table.ts'

const folder = dirname(page)
const names = readdirSync(folder).map((file) => basename(file, '.md'))
// No request header pins there, and their pages say what does.
const withoutRow = ['traefik']
const HEADINGS = ['Turn it on', 'On the client', 'It works when', 'When it does not']

it('the table of the docs is that of the package: pnpm gateways:table writes it', () => {
  const text = readFileSync(page, 'utf8')
  expect(text).toBe(withTable(text))
})

it('every gateway has a page, except generic and none, and every other page is a recipe that the README names', () => {
  const rows = [...gateways.keys()].filter((name) => name !== 'generic' && name !== 'none')
  expect(names.filter((name) => name !== 'README').toSorted()).toEqual(
    [...rows, ...recipes.keys(), ...withoutRow].toSorted(),
  )
  const text = readFileSync(page, 'utf8')
  for (const name of [...recipes.keys(), ...withoutRow]) expect(text).toContain(`](${name}.md)`)
})

describe.each(names)('docs/gateways/%s.md', async (name) => {
  const snippets = (await snippetsOf(`docs/gateways/${name}.md`)).filter(({ language }) => language === 'ts')

  if (name !== 'README') {
    it('says the same things in the same order as the others', () => {
      const text = readFileSync(join(folder, `${name}.md`), 'utf8')
      expect([...text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)).toEqual(HEADINGS)
    })
  }

  it('shows code that passes the compiler', async () => {
    expect(snippets.length).toBeGreaterThan(0)
    expect(await typeErrorsIn(snippets)).toBe('')
  })

  it.each(snippets)('shows code that runs as it stands, and stamps: line $line', async (snippet) => {
    await using gateway = await startRecorder()
    const code = atRoot(snippet.code, name)
    // The recorder serves nothing at DeepInfra's path, and the field is for that path alone.
    if (name === 'deepinfra') gateway.script(answer({}))
    expect(await runSnippet({ ...snippet, code }, gateway.origin)).toMatchObject({ code: 0, stderr: '' })
    const { headers = [], body } = gateways.get(recipes.get(name) ?? name) ?? {}
    const field = headers.length === 0 ? body?.field : undefined
    expect(gateway.requests.length).toBeGreaterThan(0)
    for (const request of gateway.requests) {
      for (const header of headers) expect(request.header(header), header).toBeDefined()
      if (field !== undefined) expect(request.json(), field).toHaveProperty(field)
    }
  })
})

// A recorder has at its root what some gateways have further down.
function atRoot(code: string, name: string): string {
  const { basePath = {} } = programs.find((program) => program.name === name) ?? {}
  return Object.values(basePath).reduce((text, path) => text.replaceAll(`:4000${path}`, ':4000'), code)
}
