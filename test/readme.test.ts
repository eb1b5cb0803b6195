import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Recorder, startRecorder } from 'llm-affinity-testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runSnippet, snippetsOf, typeErrorsIn } from './support/snippets.ts'
import { keyOn, keysAt } from './support/wire.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const snippets = (await snippetsOf('README.md')).filter(({ language }) => language === 'ts')

let gateway: Recorder
beforeAll(async () => {
  gateway = await startRecorder()
})
afterAll(() => gateway.close())
beforeEach(() => gateway.clear())

describe('the snippets of the README', () => {
  it('pass the compiler as they stand', async () => {
    expect(snippets.length).toBeGreaterThanOrEqual(5)
    expect(await typeErrorsIn(snippets)).toBe('')
  })

  it.each(snippets)('run as they stand: the one in line $line', async (snippet) => {
    expect(await runSnippet(snippet, gateway.origin)).toMatchObject({ code: 0, stderr: '' })
  })

  it('send what the README says that they send', async () => {
    const [first, sideCall, integrations, sessions] = snippets
    if (!first || !sideCall || !integrations || !sessions) throw new Error('the README lacks one of its snippets')
    await runSnippet(sideCall, gateway.origin)
    expect(keysAt(gateway)).toEqual(['conversation-42', undefined])
    gateway.clear()
    await runSnippet(first, gateway.origin)
    expect(keysAt(gateway)).toEqual(['conversation-42'])
    const shown = readme.match(/```http\n(.*?)```/s)?.[1] ?? ''
    for (const [name, value] of [...shown.matchAll(/^([\w-]+): (.*)$/gm)].map(([, ...pair]) => pair)) {
      expect(gateway.requests[0]?.header(name ?? '')).toBe(value)
    }
    gateway.clear()
    await runSnippet(integrations, gateway.origin)
    expect(keysAt(gateway)).toEqual(Array(4).fill('conversation-42'))
    gateway.clear()
    await runSnippet(sessions, gateway.origin)
    const [main, lane, child, moved] = gateway.requests.map(keyOn)
    expect(new Set([main, lane, child, moved, undefined]).size).toBe(5)
  })
})

describe('what the README says', () => {
  it('of the demo is what the demo measures', async () => {
    const args = [join(root, 'examples/demo/main.ts'), '--json', '--speed', '10']
    const { stdout } = await promisify(execFile)(process.execPath, args)
    const [bare, pinned] = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '').arms
    const [, share, bareShare] = readme.match(/(\d+) % of prompt tokens .* Round robin gets about (\d+) %/) ?? []
    expect(Math.round(pinned.cachedShare * 100)).toBe(Number(share))
    expect(pinned.cachedShare).toBeGreaterThan(pinned.possibleShare - 0.005)
    expect(Math.abs(bare.cachedShare * 100 - Number(bareShare))).toBeLessThan(12)
    // How round robin falls depends on timing, so its figures have room.
    const [, fewer] = readme.match(/process about (\d+) % fewer prompt tokens/) ?? []
    const saved = 100 * (1 - pinned.processedTokens / bare.processedTokens)
    expect(Math.abs(saved - Number(fewer))).toBeLessThan(15)
  })

  it('of files is true: every link leads to one', () => {
    for (const page of [
      'README.md',
      'CONTRIBUTING.md',
      'docs/architecture.md',
      'docs/frameworks.md',
      'docs/runtimes.md',
      'docs/gateways/README.md',
      'docs/proof.md',
      'packages/doctor/README.md',
      'packages/testkit/README.md',
    ]) {
      const text = readFileSync(join(root, page), 'utf8')
      for (const [, to = '', heading] of text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
        const target = to === '' ? join(root, page) : join(root, dirname(page), to)
        expect(existsSync(target), `${page}: ${to}`).toBe(true)
        if (heading !== undefined) expect(anchorsIn(target), `${page}: ${to}#${heading}`).toContain(heading)
      }
    }
  })

  /** The anchors that GitHub makes of the headings of a page. */
  function anchorsIn(page: string): string[] {
    const headings = readFileSync(page, 'utf8').matchAll(/^#+ (.+)$/gm)
    return [...headings].map(([, text = '']) =>
      text
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    )
  }

  it('of scripts is true: each that a page names is there', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    for (const page of ['README.md', 'CONTRIBUTING.md']) {
      const text = readFileSync(join(root, page), 'utf8')
      const named = [
        ...text.matchAll(/\bnpm (?:run )?(demo|test|bench|gateways(?::install)?|runtimes:install)\b|`pnpm ([\w:]+)`/g),
      ].map(([, npm, pnpm]) => npm ?? pnpm)
      for (const name of named) if (name !== 'vitest') expect(Object.keys(scripts), `${page}: ${name}`).toContain(name)
    }
  })
})
