import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { buildSync } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { gateways } from '../../packages/llm-affinity/src/gateways/table.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const core = join(root, 'packages/llm-affinity')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const manifest = JSON.parse(read('packages/llm-affinity/package.json'))
const sources = readdirSync(join(core, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
)

describe('the sources', () => {
  it('import nothing from outside, except what runtimes and OpenTelemetry provide', () => {
    const specifiers = sources.flatMap((name) => {
      const text = readFileSync(join(core, 'src', name), 'utf8')
      return [...text.matchAll(/^(?:import|export)\b[^'"]*?from '([^'.][^']*)'|^import '([^'.][^']*)'/gms)]
    })
    const outside = specifiers.map(([, from, bare]) => from ?? bare)
    expect(new Set(outside)).toEqual(new Set(['#async-context', '@opentelemetry/api', 'node:async_hooks']))
  })

  it('have no file of more than 240 lines, and no dynamic import except where a Worker needs one', () => {
    for (const name of sources) {
      const text = readFileSync(join(core, 'src', name), 'utf8')
      expect(text.split('\n').length, name).toBeLessThanOrEqual(240)
      if (basename(name) !== 'async-context.workerd.ts') expect(text, name).not.toMatch(/\bimport\(|\brequire\(/)
    }
  })

  it('distinguish gateways by data: their names are in tables, and in no other code', () => {
    const names = [...gateways.keys()].filter((name) => name !== 'generic' && name !== 'none')
    expect(names.length).toBeGreaterThan(25)
    for (const file of sources.filter(
      (each) => !['table.ts', 'sources.ts', 'rules.ts', 'apis.ts'].includes(basename(each)),
    )) {
      const code = readFileSync(join(core, 'src', file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
      // The paths of the entries and folders are not names of gateways.
      const text = code.replace(/from '[^']*'/g, '')
      expect(
        names.filter((name) => new RegExp(`\\b${name}\\b`).test(text)),
        file,
      ).toEqual([])
    }
  })
})

describe('the package', () => {
  it('has no dependency, except OpenTelemetry as an optional peer', () => {
    for (const kind of ['dependencies', 'optionalDependencies', 'bundledDependencies']) {
      expect(manifest[kind], kind).toBeUndefined()
    }
    expect(Object.keys(manifest.peerDependencies)).toEqual(['@opentelemetry/api'])
    expect(manifest.peerDependenciesMeta['@opentelemetry/api']).toEqual({ optional: true })
  })

  it('imports nothing when it is loaded but its own files and async_hooks', () => {
    for (const file of readdirSync(join(core, 'dist'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.js'),
    )) {
      const text = readFileSync(join(core, 'dist', file), 'utf8')
      for (const [, from = ''] of text.matchAll(/(?:from|import)\s*["']([^"']+)["']/g)) {
        if (file === 'otel.js' && from === '@opentelemetry/api') continue
        expect(from).toMatch(/^\.\.?\/[\w./-]+\.js$|^#async-context$|^node:async_hooks$/)
      }
    }
  })

  it('has a file behind every export and every import condition', () => {
    const targets = JSON.stringify([manifest.exports, manifest.imports]).match(/\.\/dist\/[^"]+/g) ?? []
    expect(targets.length).toBeGreaterThan(8)
    for (const target of targets) expect(existsSync(join(core, target)), target).toBe(true)
  })

  it('imports node:async_hooks statically only under conditions of runtimes that always have it', () => {
    const { types: _, ...conditions } = manifest.imports['#async-context']
    const statically = Object.keys(conditions).filter((name) => conditions[name] === './dist/session/async-context.js')
    expect(statically).toEqual(['bun', 'deno', 'node'])
    expect(conditions.default).toBe('./dist/session/async-context.none.js')
  })

  it('declares nothing that another package would have to be installed for', () => {
    for (const file of readdirSync(join(core, 'dist'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.d.ts'),
    )) {
      const text = readFileSync(join(core, 'dist', file), 'utf8')
      for (const [, from = ''] of text.matchAll(/from ['"]([^'"]+)['"]/g)) {
        expect(from, file).toMatch(/^\.\.?\/|^node:async_hooks$/)
      }
    }
  })

  it('has no `any` in its public types', () => {
    for (const file of readdirSync(join(core, 'dist'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.d.ts'),
    )) {
      const types = readFileSync(join(core, 'dist', file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
      expect(types, file).not.toMatch(/\bany\b/)
    }
  })

  it('documents all that it exports', () => {
    const lists = [...read('packages/llm-affinity/src/index.ts').matchAll(/^export (?:type )?\{([^}]*)\}/gm)]
    const names = lists.flatMap(([, list = '']) => list.match(/\b(?!type\b)\w+/g) ?? [])
    expect(names.length).toBeGreaterThan(12)
    const all = sources.map((name) => readFileSync(join(core, 'src', name), 'utf8')).join('\n')
    for (const name of names) {
      expect(all, name).toMatch(new RegExp(`\\*/\\nexport (?:type|interface|class|function|const) ${name}\\b`))
    }
  })

  it('bundles for a browser, where only a bound session works and a scope is a TypeError', async () => {
    const bundle = buildSync({
      entryPoints: [join(core, 'dist/index.js')],
      bundle: true,
      format: 'esm',
      platform: 'browser',
      write: false,
    })
    const code = bundle.outputFiles[0]?.text ?? ''
    expect(code).not.toMatch(/\b(?:from|import)\b\s*\(?\s*["']node:/)
    const script = `${code.replace(/export \{[\s\S]*$/, '')}
      const session = new Session('conversation-42')
      console.log(JSON.stringify(affinityHeaders('http://a', { session })))
      try { runWithSession(session, () => {}) } catch (error) { console.log(error.name, error.message) }`
    // The scope of another copy must not lend it async context: a process of its own, which gives out no modules.
    const lacking = `delete process.getBuiltinModule\n${script}`
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', lacking], { encoding: 'utf8' })
    expect(out).toContain('{"x-session-id":"conversation-42","x-litellm-session-id":"conversation-42"}')
    expect(out).toMatch(/TypeError Expected a runtime with async context .*affinityFetch\(\{ session \}\)/)
  })
})

describe('the size', () => {
  const budget = manifest['size-limit'].find((each: { name: string }) => each.name === '.')
  const bundle = buildSync({
    entryPoints: [join(core, 'dist/index.js')],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    write: false,
  })
  const bytes = gzipSync(bundle.outputFiles[0]?.contents ?? '', { level: 9 }).length

  it('is within its budget, and the README says no other', () => {
    expect(bytes).toBeLessThanOrEqual(Number.parseFloat(budget.limit) * 1000)
    expect(read('README.md')).toContain(`${budget.limit} min+gzip`)
  })
})

describe('what runs the tests', () => {
  it('is the Node that the workspace brings, whatever the machine has, or the one that CI names', () => {
    const { devDependencies } = JSON.parse(read('package.json'))
    const expected = process.env.EXPECTED_NODE ?? devDependencies.node
    expect(`${process.versions.node}.`).toMatch(new RegExp(`^${expected.replaceAll('.', '\\.')}\\.`))
    expect(basename(process.execPath)).toMatch(/^node/)
  })
})
