import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { startGateway } from './gateway.ts'
import { projects } from './packages.ts'
import { folderOf, installOurs, isInstalled, runRow } from './run.ts'

const gateway = await startGateway()
afterAll(() => gateway.close())

const [clients] = projects
const quick = clients?.rows.filter(({ isQuick }) => isQuick) ?? []

describe('SDK clients in a project of their own', () => {
  if (clients === undefined || !isInstalled(clients)) {
    const reason = 'the project clients is not installed: npm run projects:install'
    console.log(`skipped: ${reason}`)
    it.skip(reason)
    return
  }
  installOurs([clients])

  it.each(quick)(
    '$name $version sends the key of its own conversation, in all ways',
    { timeout: 180_000 },
    async (row) => {
      const cells = await runRow(clients, row, gateway)
      expect(cells.filter(({ passed }) => !passed)).toEqual([])
      expect(cells.length).toBeGreaterThanOrEqual(4)
    },
  )

  it('are in a folder outside of the workspace', () => {
    expect(folderOf(clients)).not.toContain('packages')
  })
})

describe('the gateway of the matrix', () => {
  it('counts turns with a wrong key, turns without one, and stamped side calls', async () => {
    const send = (content: string, key?: string) =>
      fetch(`${gateway.origin}/v1/chat/completions`, {
        method: 'POST',
        headers: { ...(key !== undefined && { 'x-session-id': key, 'x-litellm-session-id': key }) },
        body: JSON.stringify({ messages: [{ role: 'user', content }] }),
      })
    await send('[here | plain] turn of conversation-1', 'conversation-1')
    await send('[here | plain] turn of conversation-1', 'conversation-2')
    await send('[here | plain] turn of conversation-1')
    await send('[here | plain] side call of conversation-1')
    await send('[here | plain] side call of conversation-1', 'conversation-1')
    expect(gateway.of('here | plain')).toEqual({ turns: 3, sideCalls: 2, wrong: 1, missing: 1, sideCallsStamped: 1 })
  })
})

describe('docs/frameworks.md', () => {
  it('has a row for each package of the matrix, with the versions that are run', () => {
    const page = readFileSync(new URL('../../docs/frameworks.md', import.meta.url), 'utf8')
    const [, table = ''] = page.split('<!-- ecosystem -->')
    const rows = Map.groupBy(
      projects.flatMap((project) => project.rows),
      ({ name, as }) => [name, as].filter(Boolean).join(', '),
    )
    for (const [use, own] of rows) {
      expect(table).toContain(`| ${use} | ${[...new Set(own.map(({ version }) => version))].join(', ')} |`)
    }
    expect(table).toMatch(
      /: 0 turns with the key of another conversation, 0 side calls with a key, 0 turns without one/,
    )
  })
})
