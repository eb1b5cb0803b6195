import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Recorder, startRecorder } from 'llm-affinity-testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { keysAt } from '../support/wire.ts'

// Two installed copies of what is published, in one process: what a duplicate in node_modules is.
type Copy = typeof import('llm-affinity')
const folder = mkdtempSync(join(tmpdir(), 'llm-affinity-'))
const core = fileURLToPath(new URL('../../packages/llm-affinity/', import.meta.url))

async function installed(name: string): Promise<Copy> {
  const at = join(folder, name)
  cpSync(join(core, 'dist'), join(at, 'dist'), { recursive: true })
  cpSync(join(core, 'package.json'), join(at, 'package.json'))
  return (await import(pathToFileURL(join(at, 'dist/index.js')).href)) as Copy
}

let server: Recorder
let one: Copy
let other: Copy
beforeAll(async () => {
  server = await startRecorder()
  one = await installed('one')
  other = await installed('other')
})
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})

it('are two', () => {
  expect(one.Session).not.toBe(other.Session)
})

it('share one scope: entered in one, spoken in the other, left by either', async () => {
  const url = `${server.origin}/v1/models`
  const session = new one.Session('conversation-42')
  await one.runWithSession(session, async () => {
    expect(other.currentSession()).toBe(session)
    await other.affinityFetch()(url)
    await other.runWithoutSession(async () => {
      expect(one.currentSession()).toBeUndefined()
      await one.affinityFetch()(url)
    })
    await other.runWithSession('inner-session', () => one.affinityFetch()(url))
  })
  await other.affinityFetch({ session })(url)
  await other.runWithSession(session, () => one.affinityFetch()(url))
  expect(keysAt(server)).toEqual(['conversation-42', undefined, 'inner-session', 'conversation-42', 'conversation-42'])
})

it('stamp once where both stand in the way', async () => {
  server.clear()
  const send = one.affinityFetch({ fetch: other.affinityFetch() })
  await one.runWithSession('conversation-42', () => send(`${server.origin}/v1/models`))
  expect(keysAt(server)).toEqual(['conversation-42'])
})
