import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { buildSync } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { gateways } from '../../packages/llm-affinity/src/gateways.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const core = join(root, 'packages/llm-affinity')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const manifest = JSON.parse(read('packages/llm-affinity/package.json'))
const sources = readdirSync(join(core, 'src')).filter((name) => name.endsWith('.ts'))

// Who may import whom, as docs/architecture.md draws it.
const FLOORS: Record<string, readonly string[]> = {
  'index.ts': [
    'client.ts',
    'fetch.ts',
    'gateways.ts',
    'headers.ts',
    'patch.ts',
    'policy.ts',
    'session.ts',
    'speaking.ts',
  ],
  'patch.ts': ['expected.ts', 'fetch.ts', 'policy.ts'],
  'client.ts': ['expected.ts', 'fetch.ts', 'policy.ts'],
  'fetch.ts': [
    'body.ts',
    'carriers.ts',
    'expected.ts',
    'follow.ts',
    'outcomes.ts',
    'policy.ts',
    'session.ts',
    'speaking.ts',
    'warn.ts',
  ],
  'follow.ts': ['fetch.ts', 'location.ts', 'speaking.ts'],
  'location.ts': [],
  'headers.ts': ['expected.ts', 'policy.ts', 'speaking.ts'],
  'undici.ts': [
    'carriers.ts',
    'hops.ts',
    'location.ts',
    'outcomes.ts',
    'policy.ts',
    'scope.ts',
    'session.ts',
    'speaking.ts',
    'warn.ts',
    'watch.ts',
  ],
  'hops.ts': ['session.ts', 'speaking.ts', 'undici.ts'],
  'watch.ts': ['scope.ts', 'speaking.ts', 'warn.ts'],
  'policy.ts': ['expected.ts', 'gateways.ts', 'key.ts', 'row.ts', 'session.ts', 'speaking.ts'],
  'row.ts': ['expected.ts', 'gateways.ts'],
  'outcomes.ts': ['body.ts', 'channel.ts', 'evidence.ts', 'gateways.ts', 'session.ts', 'warn.ts'],
  'evidence.ts': ['gateways.ts'],
  'channel.ts': [],
  'body.ts': [],
  'carriers.ts': [],
  'speaking.ts': ['expected.ts', 'frame.ts', 'scope.ts', 'session.ts'],
  'session.ts': ['expected.ts', 'frame.ts', 'gateways.ts', 'iterate.ts', 'key.ts', 'scope.ts', 'warn.ts'],
  'iterate.ts': ['scope.ts'],
  'otel.ts': ['@opentelemetry/api', 'expected.ts', 'policy.ts', 'read-usage.ts', 'session.ts'],
  'usage.ts': ['read-usage.ts', 'report.ts', 'tokens.ts'],
  'report.ts': ['expected.ts', 'policy.ts', 'read-usage.ts', 'session.ts', 'tokens.ts'],
  'read-usage.ts': ['tap.ts', 'tokens.ts'],
  'tap.ts': [],
  'tokens.ts': [],
  'frame.ts': [],
  'gateways.ts': [],
  'sources.ts': ['gateways.ts'],
  'key.ts': ['sha256.ts'],
  'scope.ts': ['#async-context'],
  'sha256.ts': [],
  'warn.ts': [],
  'expected.ts': [],
  'async-context.ts': ['node:async_hooks'],
  'async-context.none.ts': [],
}

function imports(name: string): string[] {
  const text = readFileSync(join(core, 'src', name), 'utf8')
  return [...text.matchAll(/^(?:import|export)\b[^'"]*?from '([^']+)'|^import '([^']+)'/gms)]
    .map(([, from, bare]) => (from ?? bare ?? '').replace(/^\.\/(.*)\.js$/, '$1.ts'))
    .toSorted()
}

describe('the floor plan', () => {
  it('has a place for every file', () => {
    expect(sources.toSorted()).toEqual(Object.keys(FLOORS).toSorted())
  })

  it.each(sources)('%s imports what is below it and nothing else', (name) => {
    expect(imports(name)).toEqual([...(FLOORS[name] ?? [])].toSorted())
  })

  it('has no file of more than 240 lines, and no import at run time inside a function', () => {
    for (const name of sources) {
      const text = readFileSync(join(core, 'src', name), 'utf8')
      expect(text.split('\n').length, name).toBeLessThanOrEqual(240)
      expect(text, name).not.toMatch(/\bimport\(|\brequire\(/)
    }
  })

  it('tells gateways apart by data: their names stand in the table, and in no other code', () => {
    const rows = [...gateways.keys()].filter((row) => row !== 'generic' && row !== 'none')
    expect(rows.length).toBeGreaterThan(25)
    for (const name of sources.filter((each) => each !== 'gateways.ts' && each !== 'sources.ts')) {
      const code = readFileSync(join(core, 'src', name), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
      const found = rows.filter((row) => new RegExp(`\\b${row}\\b`).test(code))
      expect(found, name).toEqual([])
    }
  })
})

describe('the package', () => {
  it('has no dependency of any kind, but OpenTelemetry for who has it', () => {
    for (const kind of ['dependencies', 'optionalDependencies', 'bundledDependencies']) {
      expect(manifest[kind], kind).toBeUndefined()
    }
    expect(Object.keys(manifest.peerDependencies)).toEqual(['@opentelemetry/api'])
    expect(manifest.peerDependenciesMeta['@opentelemetry/api']).toEqual({ optional: true })
  })

  it('imports nothing when it is loaded but its own files and async_hooks', () => {
    for (const file of readdirSync(join(core, 'dist')).filter((name) => name.endsWith('.js'))) {
      const text = readFileSync(join(core, 'dist', file), 'utf8')
      for (const [, from = ''] of text.matchAll(/(?:from|import)\s*["']([^"']+)["']/g)) {
        if (file === 'otel.js' && from === '@opentelemetry/api') continue
        expect(from).toMatch(/^\.\/[\w.-]+\.js$|^#async-context$|^node:async_hooks$/)
      }
    }
  })

  it('has a file behind every export and every import condition', () => {
    const targets = JSON.stringify([manifest.exports, manifest.imports]).match(/\.\/dist\/[^"]+/g) ?? []
    expect(targets.length).toBeGreaterThan(8)
    for (const target of targets) expect(existsSync(join(core, target)), target).toBe(true)
  })

  it('puts Workers and servers before browsers, since their bundlers match both', () => {
    const conditions = Object.keys(manifest.imports['#async-context'])
    for (const server of ['workerd', 'edge-light', 'bun', 'deno', 'node']) {
      expect(conditions.indexOf(server)).toBeGreaterThanOrEqual(0)
      expect(conditions.indexOf(server)).toBeLessThan(conditions.indexOf('browser'))
    }
  })

  it('declares nothing that another package would have to be installed for', () => {
    for (const file of readdirSync(join(core, 'dist')).filter((name) => name.endsWith('.d.ts'))) {
      const text = readFileSync(join(core, 'dist', file), 'utf8')
      for (const [, from = ''] of text.matchAll(/from ['"]([^'"]+)['"]/g)) {
        expect(from, file).toMatch(/^\.\/|^node:async_hooks$/)
      }
    }
  })

  it('does not say any in its public types', () => {
    for (const file of readdirSync(join(core, 'dist')).filter((name) => name.endsWith('.d.ts'))) {
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

  it('bundles for a browser, where only what is bound works and the rest says so', async () => {
    const bundle = buildSync({
      entryPoints: [join(core, 'dist/index.js')],
      bundle: true,
      format: 'esm',
      platform: 'browser',
      write: false,
    })
    const code = bundle.outputFiles[0]?.text ?? ''
    expect(code).not.toContain('async_hooks')
    const script = `${code.replace(/export \{[\s\S]*$/, '')}
      const session = new Session('conversation-42')
      console.log(JSON.stringify(affinityHeaders('http://a', { session })))
      try { runWithSession(session, () => {}) } catch (error) { console.log(error.name, error.message) }`
    // The scope of another copy must not lend it async context: a process of its own.
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
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
  it('is the Node that the workspace brings, whatever the machine has', () => {
    const { devDependencies } = JSON.parse(read('package.json'))
    expect(process.version).toBe(`v${devDependencies.node}`)
    expect(basename(process.execPath)).toMatch(/^node/)
  })
})
