import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Session } from 'llm-affinity'
import { describe, expect, it } from 'vitest'
import { runNode } from './support/child.ts'

const folder = fileURLToPath(new URL('../examples', import.meta.url))
const files = (await readdir(folder)).filter((file) => file.endsWith('.ts') && file !== 'show.ts')

/** What an example printed of one call: what was said last, and the key. */
type Call = readonly [label: string, key: string | undefined]

const KEY = 'conversation-42'

// All of it, where all of it is certain: whose call carries which key, in the order of their arrival.
const certain: Record<string, readonly Call[]> = {
  'openai.ts': [
    ['turn 1', KEY],
    ['title', undefined],
    ['turn 2, streamed', KEY],
    ['turn 3, by the Responses API', KEY],
    ['outside of any conversation', undefined],
  ],
  'anthropic.ts': [
    ['turn 1', KEY],
    ['turn 2, streamed', KEY],
    ['title', undefined],
    ['turn 3, by a tool runner', KEY],
    ['[tool result]', KEY],
  ],
  'undici.ts': [
    ['turn 1', KEY],
    ['turn 2, answered at the third attempt', KEY],
    ['turn 2, answered at the third attempt', KEY],
    ['turn 2, answered at the third attempt', KEY],
    ['title', undefined],
    ['turn 3, by fetch', KEY],
  ],
  'ai-sdk.ts': [
    ['turn 1', KEY],
    ['[tool result]', KEY],
    ['[tool result]', KEY],
    ['title', undefined],
    ['turn 2, streamed', KEY],
    ['[tool result]', KEY],
  ],
  'mastra.ts': [
    ['turn 1', KEY],
    ['[tool result]', KEY],
    ['title', undefined],
    ['turn 2, streamed', KEY],
  ],
}

const judged: Record<string, (calls: readonly Call[]) => void> = {
  ...Object.fromEntries(
    Object.entries(certain).map(([file, expected]) => [file, (calls) => expect(calls).toEqual(expected)]),
  ),

  'sub-agents.ts': (calls) => {
    const keys = (label: string): unknown[] => calls.filter(([said]) => said.startsWith(label)).map(([, key]) => key)
    const [memory] = keys('memory')
    const [search] = keys('search')
    expect(keys('turn')).toEqual([KEY, KEY, KEY])
    expect(keys('title')).toEqual([undefined])
    expect(keys('memory')).toEqual([memory, memory])
    expect(keys('search')).toEqual([search, search])
    const all = new Set([KEY, memory, search, ...keys('reader A'), ...keys('reader B')])
    expect(all.size).toBe(5)
    expect(all).not.toContain(undefined)
  },

  'chat-server.ts': (calls) => {
    const users = ['ada', 'ben', 'eve', 'ida', 'max', 'tom']
    expect(calls).toHaveLength(users.length * 4)
    for (const user of users) {
      // The key is derived from the user, the conversation and the server's secret.
      const { key } = new Session(`chat-of-${user}`, { namespace: user, secret: 'from your environment' })
      const turns = [1, 2, 3].map((turn) => [`${user}, turn ${turn}`, key])
      expect(calls.filter(([said]) => said.startsWith(`${user},`))).toEqual(turns)
      expect(calls).toContainEqual([`title of chat-of-${user}`, undefined])
    }
    // They did talk at the same time: everybody had begun before anybody had ended.
    const said = calls.map(([label]) => label)
    const begun = users.map((user) => said.indexOf(`${user}, turn 1`))
    const ended = users.map((user) => said.indexOf(`${user}, turn 3`))
    expect(Math.max(...begun)).toBeLessThan(Math.min(...ended))
  },
}

describe('examples', () => {
  it('are all judged here', () => {
    expect(files.toSorted()).toEqual(Object.keys(judged).toSorted())
  })

  it.each(files)('%s runs alone, and shows who carries which key', async (file) => {
    const { code, stdout, stderr } = await runNode([file], { cwd: folder })
    expect(stderr).toBe('')
    expect(code).toBe(0)
    judged[file]?.(callsIn(stdout))
  })

  it.each(files)('%s is one file of a size to copy', async (file) => {
    const source = await readFile(`${folder}/${file}`, 'utf8')
    const relative = [...source.matchAll(/from '(\.[^']*)'/g)].map(([, path]) => path)
    expect(relative).toEqual(['./show.ts'])
    expect(source.split('\n').length).toBeLessThan(80)
  })
})

// Every line but the title's must be a call: one that says something else would be lost here.
function callsIn(stdout: string): Call[] {
  const [title, ...lines] = stdout.trimEnd().split('\n')
  expect(title).toBe('The gateway received:')
  return lines.map((line) => {
    const { 1: label = line, 2: key } = /^ {2}(.+?) {3,}(?:x-session-id: (\S+)|\(none\))$/.exec(line) ?? []
    return [label, key]
  })
}
