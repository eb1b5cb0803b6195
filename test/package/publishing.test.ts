import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const manifest = JSON.parse(read('package.json'))
const ADDRESS = 'https://forge.example/owner/name'
// npx is a script on Windows.
const shell = process.platform === 'win32'

const packages = [
  { name: 'llm-affinity', folder: 'packages/llm-affinity', readme: 'README.md' },
  { name: 'llm-affinity-testkit', folder: 'packages/testkit', readme: 'packages/testkit/README.md' },
  { name: 'llm-affinity-doctor', folder: 'packages/doctor', readme: 'packages/doctor/README.md' },
]

/** A copy of what packing reads, with an address of its own, so that nothing here is written to. */
class Workspace {
  readonly root = mkdtempSync(join(tmpdir(), 'llm-affinity-'))

  constructor(address: unknown) {
    const copied = [
      '.pnpmfile.mjs',
      'LICENSE',
      'README.md',
      'CONTRIBUTING.md',
      'docs',
      'pnpm-workspace.yaml',
      'tools/publish',
    ]
    for (const path of copied) cpSync(join(root, path), join(this.root, path), { recursive: true })
    for (const folder of ['examples', 'packages']) {
      const filter = (path: string) => !path.includes('node_modules')
      cpSync(join(root, folder), join(this.root, folder), { recursive: true, filter })
    }
    writeFileSync(join(this.root, 'package.json'), JSON.stringify({ ...manifest, repository: address }))
  }

  /** Packs a package, and returns what is in it. */
  pack(folder: string): { readme: string; manifest: Record<string, unknown>; files: string[] } {
    const to = mkdtempSync(join(this.root, 'packed-'))
    const args = ['-y', manifest.packageManager, 'pack', '--json', '--pack-destination', to]
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore']
    execFileSync('npx', args, { cwd: join(this.root, folder), stdio, shell })
    const [tarball = ''] = readdirSync(to)
    execFileSync('tar', ['-xzf', tarball], { cwd: to })
    return {
      readme: readFileSync(join(to, 'package/README.md'), 'utf8'),
      manifest: JSON.parse(readFileSync(join(to, 'package/package.json'), 'utf8')),
      files: readdirSync(join(to, 'package')),
    }
  }

  /** What a package's `prepublishOnly`, or the check itself, ends with. */
  refuse(): { code: number | null; stderr: string } {
    const { status, stderr } = spawnSync(process.execPath, ['tools/publish/refuse.mjs'], {
      cwd: this.root,
      encoding: 'utf8',
    })
    return { code: status, stderr }
  }

  remove(): void {
    rmSync(this.root, { recursive: true })
  }
}

/** The targets of links and images outside of code blocks, of headings of the page itself excepted. */
const linksOf = (text: string): string[] =>
  [...text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/\]\(([^)\s]+)\)|\b(?:src|href)="([^"]+)"/g)]
    .map(([, markdown, html]) => markdown ?? html ?? '')
    .filter((to) => !to.startsWith('#'))

describe('with the address of the repository', () => {
  let workspace: Workspace
  beforeAll(() => {
    workspace = new Workspace(ADDRESS)
  })
  afterAll(() => workspace.remove())

  it.each(packages)('$name is packed with links that work from npm', ({ folder, readme: source }) => {
    const { readme, files } = workspace.pack(folder)
    expect(linksOf(readme).filter((to) => !/^https?:\/\//.test(to))).toEqual([])
    const own = linksOf(readme).filter((to) => to.startsWith(`${ADDRESS}/`))
    expect(own.length).toBe(linksOf(read(source)).filter((to) => !/^https?:\/\//.test(to)).length)
    for (const to of own) {
      const [, path = ''] = /\/(?:blob|tree|raw)\/HEAD\/([^#]+)/.exec(to) ?? []
      expect(existsSync(join(root, path)), to).toBe(true)
    }
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'dist', 'package.json', 'src']))
  })

  it.each(packages)('$name is packed with its place in the repository', ({ folder }) => {
    expect(workspace.pack(folder).manifest).toMatchObject({
      homepage: `${ADDRESS}/tree/HEAD/${folder}#readme`,
      bugs: `${ADDRESS}/issues`,
      repository: { type: 'git', url: `git+${ADDRESS}.git`, directory: folder },
    })
  })

  it.each(packages)('$name is as it was after packing', ({ folder }) => {
    const before = readdirSync(join(workspace.root, folder))
    workspace.pack(folder)
    expect(readdirSync(join(workspace.root, folder))).toEqual(before)
    if (existsSync(join(root, folder, 'README.md')) && folder !== 'packages/llm-affinity') {
      expect(readFileSync(join(workspace.root, folder, 'README.md'), 'utf8')).toBe(read(`${folder}/README.md`))
    }
  })

  it('is not rejected', () => {
    expect(workspace.refuse()).toEqual({ code: 0, stderr: '' })
  })
})

describe('without that address', () => {
  let workspace: Workspace
  beforeAll(() => {
    workspace = new Workspace('')
  })
  afterAll(() => workspace.remove())

  it.each(packages)('$name is packed as it is here', ({ folder, readme: source }) => {
    const { readme, manifest } = workspace.pack(folder)
    expect(readme).toBe(read(source))
    for (const field of ['homepage', 'bugs', 'repository']) expect(manifest).not.toHaveProperty(field)
  })

  it('is rejected with a hint', () => {
    const { code, stderr } = workspace.refuse()
    expect(code).toBe(1)
    expect(stderr).toMatch(/^Not published: .* Set "repository" in the package\.json of the root/)
  })
})

it.each(['owner/name', 'https://github.com/owner', `${ADDRESS}.git`, `${ADDRESS}/`, { url: ADDRESS }, null])(
  'the address %j is refused',
  (address) => {
    const workspace = new Workspace(address)
    const { code, stderr } = workspace.refuse()
    workspace.remove()
    expect(code).toBe(1)
    expect(stderr).toContain(`got ${JSON.stringify(address)}`)
  },
)

describe('the parts that publish', () => {
  it('runs that check first', () => {
    expect(manifest.scripts.release).toMatch(/^node tools\/publish\/refuse\.mjs && .* && changeset publish$/)
    for (const { folder } of packages) {
      const { scripts } = JSON.parse(read(`${folder}/package.json`))
      expect(scripts.prepublishOnly, folder).toBe('node ../../tools/publish/refuse.mjs')
    }
  })

  it('has the address in one place only', () => {
    for (const { folder } of packages) {
      const own = JSON.parse(read(`${folder}/package.json`))
      for (const field of ['homepage', 'bugs', 'repository']) expect(own, folder).not.toHaveProperty(field)
    }
  })

  it('leaves the changelogs to changesets', () => {
    expect(existsSync(join(root, 'CHANGELOG.md'))).toBe(false)
    expect(JSON.parse(read('.changeset/config.json')).changelog).toBe('@changesets/cli/changelog')
  })
})

describe('the version of pnpm', () => {
  const { packageManager } = manifest

  it('is exact, and the same wherever package.json starts it', () => {
    expect(packageManager).toMatch(/^pnpm@\d+\.\d+\.\d+$/)
    const started = Object.values<string>(manifest.scripts).flatMap((script) => script.match(/pnpm@[\w.-]+/g) ?? [])
    expect(started.length).toBeGreaterThan(4)
    expect(new Set(started)).toEqual(new Set([packageManager]))
  })

  it('has the major that CONTRIBUTING.md names', () => {
    const named = read('CONTRIBUTING.md').match(/\bpnpm[ @]\d+/g) ?? []
    const [major] = /\d+/.exec(packageManager) ?? []
    expect(new Set(named.map((each) => each.slice(5)))).toEqual(new Set([major]))
  })
})

describe('.editorconfig', () => {
  const [, all = ''] = /^\[\*\]\n([\s\S]*?)\n\n/m.exec(read('.editorconfig')) ?? []
  const settings = Object.fromEntries(all.split('\n').map((line) => line.split(' = ')))

  it('agrees with biome.json on indentation and width', () => {
    const { indentStyle, indentWidth, lineWidth } = JSON.parse(read('biome.json')).formatter
    expect(settings).toMatchObject({
      indent_style: indentStyle,
      indent_size: String(indentWidth),
      max_line_length: String(lineWidth),
    })
  })
})
