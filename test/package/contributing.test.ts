// CONTRIBUTING.md describes how to add a gateway. A made-up gateway is added to a copy of the workspace by these steps.

import { execFileSync, execSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { runNode } from '../support/child.ts'

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const copy = copyOfWorkspace()
afterAll(() => rmSync(copy, { recursive: true }))

const NAME = 'made-up'
const core = 'packages/llm-affinity'
const VITEST = 'node_modules/vitest/vitest.mjs'
const TABLE_SCRIPT = 'test/gateways/table.ts'

describe('adding a gateway as CONTRIBUTING.md says', { timeout: 300_000 }, () => {
  it('names the files that the steps below change', () => {
    const section = /## Add a gateway\n([\s\S]*?)\n## /.exec(readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8'))?.[1]
    for (const step of [
      'gateways/table.ts',
      'sources.ts',
      'verdict/advice.ts',
      'docs/gateways',
      'pnpm gateways:table',
    ]) {
      expect(section).toContain(step)
    }
  })

  it('step 1, the entry: the compiler then asks for its source', async () => {
    edit(`${core}/src/gateways/table.ts`, "  | 'mistral'\n", `  | '${NAME}'\n  | 'mistral'\n`)
    const entry = `'${NAME}': { headers: ['x-made-up-session'], evidence: { backend: 'x-made-up-backend' } },`
    edit(`${core}/src/gateways/table.ts`, '  mistral: {', `  ${entry}\n  mistral: {`)
    expect(await typeErrorsOf('llm-affinity')).toMatch(/sources\.ts.*made-up/s)
  })

  it('step 2, the source: the package then compiles, and the compiler asks for what the doctor prints', async () => {
    const source = `'${NAME}': { sure: 'docs', from: ['docs.made-up.example'], hit: 'the pod', failover: 'gateway' },`
    edit(`${core}/src/gateways/sources.ts`, '  mistral: {', `  ${source}\n  mistral: {`)
    expect(await typeErrorsOf('llm-affinity')).toBe('')
    build('llm-affinity')
    expect(await typeErrorsOf('doctor')).toMatch(/advice\.ts.*made-up/s)
  })

  it('step 3, the doctor: it compiles', async () => {
    const advice = `'${NAME}': { title: 'Made-Up', pin: { line: 'sticky: x-made-up-session', into: 'its config.yaml' } },`
    edit('packages/doctor/src/verdict/advice.ts', '  mistral: ', `  ${advice}\n  mistral: `)
    expect(await typeErrorsOf('doctor')).toBe('')
    for (const name of ['testkit', 'doctor']) build(name)
  })

  it('step 4, the page: the tests of pages, tables and the doctor pass', async () => {
    const similar = readFileSync(join(copy, 'docs/gateways/aibrix.md'), 'utf8')
    const page = similar
      .replaceAll('x-aibrix-session-key', 'x-made-up-session')
      .replaceAll("'aibrix'", `'${NAME}'`)
      .replace('## Turn it on\n', '## Turn it on\n\n```yaml\nsticky: x-made-up-session\n```\n')
    writeFileSync(join(copy, `docs/gateways/${NAME}.md`), page)
    expect(await runNode([TABLE_SCRIPT], { cwd: copy })).toMatchObject({ code: 0 })
    expect(readFileSync(join(copy, 'docs/gateways/README.md'), 'utf8')).toContain(`[\`${NAME}\`](${NAME}.md)`)
    const tests = ['test/unit/gateway', 'test/doctor/evidence.test.ts', 'test/gateways/pages.test.ts']
    // Of the pages only this one: the others are tested where they are.
    const args = [VITEST, 'run', '--typecheck.enabled=false', '-t', `^(?!docs/gateways/(?!${NAME}))`, ...tests]
    const { code, stdout, stderr } = await runNode(args, { cwd: copy, timeout: 240_000 })
    expect(code, stdout + stderr).toBe(0)
    expect(stdout).toContain('test/gateways/pages.test.ts')
  })
})

function edit(file: string, from: string, to: string): void {
  const text = readFileSync(join(copy, file), 'utf8')
  expect(text.split(from), `${file} contains ${from} once`).toHaveLength(2)
  writeFileSync(
    join(copy, file),
    text.replace(from, () => to),
  )
}

async function typeErrorsOf(name: string): Promise<string> {
  const args = ['node_modules/typescript/bin/tsc', '-p', `packages/${name}`, '--noEmit', '--pretty', 'false']
  return (await runNode(args, { cwd: copy, timeout: 120_000 })).stdout
}

// With the script of the package, as `pnpm build` runs it.
function build(name: string): void {
  const cwd = join(copy, 'packages', name)
  const { scripts } = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8'))
  const env = { ...process.env, PATH: [join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter) }
  execSync(scripts.build, { cwd, env, stdio: 'pipe' })
}

/** The files of the workspace, with links to what is installed. Links between packages of the workspace lead to the copy. */
function copyOfWorkspace(): string {
  const to = mkdtempSync(join(realpathSync(tmpdir()), 'llm-affinity-contributing-'))
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root })
  for (const file of listed.toString().split('\0')) {
    if (file !== '' && existsSync(join(root, file))) cpSync(join(root, file), join(to, file))
  }
  for (const folder of ['.', ...globSync(['packages/*', 'test', 'examples'], { cwd: root })]) {
    const modules = join(root, folder, 'node_modules')
    if (!existsSync(modules)) continue
    for (const name of readdirSync(modules)) {
      const names = name.startsWith('@') ? readdirSync(join(modules, name)).map((part) => join(name, part)) : [name]
      for (const each of names) link(join(modules, each), join(to, folder, 'node_modules', each))
    }
  }
  return to

  function link(installed: string, at: string): void {
    const target = realpathSync(installed)
    const within = relative(join(root, 'packages'), target)
    mkdirSync(dirname(at), { recursive: true })
    symlinkSync(within.startsWith('..') ? target : join(to, 'packages', within), at)
  }
}
