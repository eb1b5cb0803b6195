import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { buildSync } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const folder = fileURLToPath(new URL('../../.github/workflows', import.meta.url))
const names = readdirSync(folder)
const read = (name: string): string => readFileSync(join(folder, name), 'utf8')

const { TextDocument, validate } = await bundled()

/** What GitHub's own parser of workflows says, which is behind its editor extension. */
async function complaintsOf(text: string): Promise<string[]> {
  // It keeps what it has parsed, by the address.
  const { href } = pathToFileURL(join(folder, `${crypto.randomUUID()}.yml`))
  const found = await validate(TextDocument.create(href, 'yaml', 1, text))
  return found.map(({ message, range }) => `line ${range.start.line + 1}: ${message}`)
}

describe.each(names)('the workflow %s', (name) => {
  const text = read(name)
  const { jobs, permissions } = parse(text)
  const steps: { uses?: string; run?: string }[] = Object.values<{ steps: object[] }>(jobs).flatMap((job) => job.steps)

  it('is valid for GitHub’s own parser', async () => {
    expect(await complaintsOf(text)).toEqual([])
  })

  it('is found to be invalid by that parser once it is broken', async () => {
    expect(await complaintsOf(text.replace('runs-on:', 'run-on:'))).not.toEqual([])
    expect(await complaintsOf(text.replace('github.ref', 'github.reef'))).not.toEqual([])
  })

  it('grants nothing to all of its jobs but reading', () => {
    expect([{}, { contents: 'read' }]).toContainEqual(permissions)
  })

  it('pins the major version of each action', () => {
    const actions = steps.map(({ uses }) => uses).filter((uses) => uses !== undefined)
    expect(actions.length).toBeGreaterThan(3)
    for (const uses of actions) expect(uses).toMatch(/^[\w-]+\/[\w/-]+@v\d+$/)
  })

  it('runs no script that package.json lacks', () => {
    const { scripts } = JSON.parse(readFileSync(join(folder, '../../package.json'), 'utf8'))
    for (const [, script = ''] of text.matchAll(/pnpm run (\S+)/g)) expect(Object.keys(scripts)).toContain(script)
  })
})

describe('the matrix of ci.yml', () => {
  const { jobs } = parse(read('ci.yml'))

  it('runs vitest with the Node of the matrix, and tells the tests which one that is', () => {
    const step = jobs.test.steps.find(({ run }: { run?: string }) => run?.includes('vitest'))
    expect(step.run).toMatch(/^node node_modules\/vitest\/vitest\.mjs run /)
    expect(step.env.EXPECTED_NODE).toMatch(/^\$\{\{ matrix\.node \}\}$/)
  })

  it('has the majors that README.md names', () => {
    const [, list = ''] =
      /\| runtimes \| Node ([\d, and]+)/.exec(readFileSync(join(folder, '../../README.md'), 'utf8')) ?? []
    expect(jobs.test.strategy.matrix.node).toEqual(list.match(/\d+/g))
  })
})

const actionlint = findActionlint()
describe.skipIf(actionlint === undefined)('actionlint, which is skipped where it is not installed', () => {
  it('reports nothing', () => {
    expect(execFileSync(actionlint ?? '', ['-shellcheck=', '-pyflakes='], { cwd: folder, encoding: 'utf8' })).toBe('')
  })
})

function findActionlint(): string | undefined {
  try {
    execFileSync('actionlint', ['-version'])
    return 'actionlint'
  } catch {
    return undefined
  }
}

/** The parser imports JSON as bundlers allow it, and Node does not. */
async function bundled() {
  const out = mkdtempSync(join(tmpdir(), 'llm-affinity-'))
  const outfile = join(out, 'parser.mjs')
  buildSync({
    stdin: {
      contents: `export { validate } from '@actions/languageservice'
        export { TextDocument } from 'vscode-languageserver-textdocument'`,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    // Some of what it bundles calls require.
    banner: { js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)` },
    logLevel: 'error',
  })
  const parser = await import(pathToFileURL(outfile).href)
  rmSync(out, { recursive: true })
  return parser as Pick<typeof import('@actions/languageservice'), 'validate'> &
    Pick<typeof import('vscode-languageserver-textdocument'), 'TextDocument'>
}
