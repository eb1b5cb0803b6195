import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Session } from 'llm-affinity'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { recorder } from '../support/recorder.ts'
import { redis, startRedis } from '../support/redis.ts'
import { keyOn, keysAt } from '../support/wire.ts'
import { installPacked, place } from './packed.ts'
import { folderOf, NEST, names, type ProjectName, pinned, receiptOf } from './pinned.ts'
import { node, serve, stopAll } from './run.ts'

const KEY = 'conversation-42'
const HASHED = new Session('conversation 42').key
const NO_CONTEXT = /^TypeError: Expected a runtime with async context/

// A build is slow on a busy machine.
vi.setConfig({ hookTimeout: 180_000, testTimeout: 180_000 })

const server = await recorder()
const installed = names.filter((name) => existsSync(receiptOf(name)))

beforeAll(() => {
  if (installed.length > 0) installPacked(installed.map(folderOf))
})
afterAll(stopAll)

function project(name: ProjectName, title: string, tests: () => void): void {
  describe(title, () => {
    if (installed.includes(name)) {
      tests()
      return
    }
    const reason = `the project ${name} is not installed: npm run projects:install`
    console.log(`skipped: ${reason}`)
    it.skip(reason)
  })
}

for (const name of ['next15', 'next16'] as const) {
  project(name, `Next ${pinned[name].next}`, () => {
    const next = join(folderOf(name), 'node_modules/next/dist/bin/next')
    let app: Awaited<ReturnType<typeof serve>>
    beforeAll(async () => {
      const cwd = place('next', folderOf(name))
      await node(cwd, [next, 'build'])
      app = await serve(cwd, [next, 'start', '--hostname', '127.0.0.1', '--port', '0'])
    })
    afterAll(() => app?.stop())

    it.each([
      ['edge', 'edge'],
      ['node', 'nodejs'],
    ])('stamps in the %s runtime', async (route, runtime) => {
      const response = await fetch(`${app.origin}/${route}?gateway=${encodeURIComponent(server.origin)}`)
      expect(await response.json()).toEqual({ runtime })
      expect(keysAt(server)).toEqual([undefined, HASHED, KEY])
    })

    it('runs a route handler, its stream and what comes after the response in the session', async () => {
      const ids = Array.from({ length: 20 }, (_, i) => `conversation-${i}`)
      const gateway = encodeURIComponent(server.origin)
      await Promise.all(
        ids.map(async (id) => {
          const url = `${app.origin}/chat/${id}?gateway=${gateway}&user=alice`
          await (await fetch(url, { method: 'POST' })).text()
        }),
      )
      await vi.waitUntil(() => server.requests.length === 20 * 5, { timeout: 30_000 })
      const wrong = server.requests.filter((request) => {
        const id = request.path.split('&').at(-1)
        return keyOn(request) !== new Session(id, { namespace: 'alice', secret: 'a secret of the test' }).key
      })
      expect(wrong).toEqual([])
    })
  })
}

const bundlers = {
  vite: ['vite-node', 'vite-webworker', 'vite-worker-browser', 'vite-workerd-worker-browser'],
  webpack: ['webpack-node', 'webpack-web', 'webpack-webworker'],
  esbuild: ['esbuild-node', 'esbuild-browser', 'esbuild-neutral'],
}

project('tools', 'a bundle of', () => {
  let folder: string
  beforeAll(() => {
    folder = place('bundlers', folderOf('tools'))
  })

  // Runs a bundle on Node, after a line of preparation.
  async function run(bundle: string, before = ''): Promise<string> {
    const file = [`${bundle}.mjs`, `${bundle}.cjs`].find((each) => existsSync(join(folder, 'out', each)))
    const prelude = `globalThis.gateway = ${JSON.stringify(server.origin)}\n${before}`
    return node(folder, ['--import', `data:text/javascript,${encodeURIComponent(prelude)}`, `out/${file}`])
  }

  describe.each(Object.entries(bundlers))('%s', (bundler, bundles) => {
    beforeAll(() => node(folder, [`${bundler}.mjs`]))

    it.each(bundles)('%s stamps for a bound session and in a scope', async (bundle) => {
      expect(await run(bundle)).toBe('')
      expect(keysAt(server)).toEqual([KEY, KEY])
    })

    it.each(bundles.filter((bundle) => /browser$|web$|neutral$/.test(bundle) && !/workerd/.test(bundle)))(
      '%s stamps for a bound session where there is no async context, as in a browser',
      async (bundle) => {
        expect(await run(bundle, 'delete process.getBuiltinModule')).toMatch(NO_CONTEXT)
        expect(keysAt(server)).toEqual([KEY])
      },
    )
  })
})

project('tools', `jest ${pinned.tools.jest}`, () => {
  const jest = join(folderOf('tools'), 'node_modules/jest/bin/jest.js')
  let folder: string
  beforeAll(() => {
    folder = place('jest', folderOf('tools'))
  })

  it.each([
    ['CommonJS', [jest]],
    ['ES modules with --experimental-vm-modules', ['--experimental-vm-modules', jest]],
  ])('loads the package as %s in a Node and in a jsdom environment, and stamps', async (_, args) => {
    await node(folder, [...args, '--runInBand', '--ci', '--cache=false'], { GATEWAY: server.origin })
    expect(keysAt(server)).toEqual([HASHED, KEY, HASHED, KEY])
  })
})

project(
  'commonjs',
  `TypeScript ${pinned.commonjs.typescript} with module "commonjs" and the classic resolution`,
  () => {
    let folder: string
    beforeAll(() => {
      folder = place('commonjs', folderOf('commonjs'))
    })
    const bin = (path: string) => join(folderOf('commonjs'), 'node_modules', path)

    it('compiles against all entries, and both builds of the package share a scope', async () => {
      await node(folder, [bin('typescript/lib/tsc.js'), '-p', '.'])
      expect(await node(folder, ['out/main.js'], { GATEWAY: server.origin })).toBe('true,function,function\n')
      expect(keysAt(server)).toEqual([HASHED, KEY, undefined, 'conversation-43', 'conversation-44'])
    })

    it(`runs a Nest ${NEST} application in the sessions of its users`, async () => {
      await node(folder, [bin('typescript/lib/tsc.js'), '-p', '.'])
      expect(await node(folder, ['out/nest.js'], { GATEWAY: server.origin })).toBe('conversation-42\nconversation-42\n')
      const keyOf = (namespace: string) =>
        new Session('conversation-42', { namespace, secret: 'a secret of the test' }).key
      expect(keysAt(server)).toEqual([keyOf('alice'), undefined, keyOf('bob'), undefined])
    })

    it(`stamps under ts-jest ${pinned.commonjs['ts-jest']}`, async () => {
      await node(folder, [bin('jest/bin/jest.js'), '--runInBand', '--ci', '--cache=false'], { GATEWAY: server.origin })
      expect(keysAt(server)).toEqual([HASHED, KEY])
    })
  },
)

project('tools', `vitest ${pinned.tools.vitest}`, () => {
  it('stamps in jsdom and in happy-dom, whether Node loads the package or Vite', async () => {
    const folder = place('vitest', folderOf('tools'))
    const vitest = join(folderOf('tools'), 'node_modules/vitest/vitest.mjs')
    await node(folder, [vitest, 'run', '--no-file-parallelism'], { GATEWAY: server.origin })
    expect(keysAt(server)).toEqual(Array(4).fill([HASHED, KEY]).flat())
  })
})

for (const name of ['langchain03', 'langchain1'] as const) {
  project(name, `LangChain ${pinned[name]['@langchain/core']}`, () => {
    it('sends the key of its own conversation with every turn, and none with side calls', async () => {
      const folder = place('langchain', folderOf(name))
      await node(folder, ['program.mjs'], { GATEWAY: server.origin })
      const calls = server.requests.map((request) => {
        const [, what, id, by = ''] = /(turn|side) of (conversation-\d+) by ([a-zA-Z ,]+)/.exec(request.text()) ?? []
        return { by, expected: what === 'turn' ? id : undefined, key: keyOn(request) }
      })
      expect(calls.filter(({ expected, key }) => expected !== key)).toEqual([])
      // 28 ways with and without a limit, two judges of three ways each, and three ways with threads.
      expect(new Set(calls.map(({ by }) => by)).size).toBe(28 + 5 + 3)
      expect(calls.length).toBeGreaterThan(50 * (28 * 2 + 2 * 9 + 4))
      expect(calls.filter(({ by }) => by === '')).toEqual([])
    })
  })
}

for (const name of ['servers', 'servers-old'] as const) {
  const versions = pinned[name]
  const programs = [
    ['express', 'express', versions.express],
    ['fastify', 'fastify', versions.fastify],
    ['koa', 'koa', versions.koa],
    ['hono', 'hono', versions.hono],
    ['nest', 'express', versions['@nestjs/core']],
    ['nest', 'fastify', versions['@nestjs/platform-fastify']],
    ['handler', 'Request', versions['@hono/node-server']],
    ['connect', 'node:http', process.versions.node],
  ] as const

  project(name, 'llm-affinity/server', () => {
    it.each(programs)('runs requests to %s on %s %s in the session of their conversation', async (...program) => {
      const folder = place('servers', folderOf(name))
      await node(folder, ['program.mjs', ...program.slice(0, 2), program.join(' ')], { GATEWAY: server.origin })
      expectOwnKeys(30)
    })

    const isHere = redis.find() !== undefined
    if (!isHere) console.log('skipped: BullMQ needs Redis: npm run projects:install')
    it.skipIf(!isHere)(`runs jobs of BullMQ ${versions.bullmq} in the session of their conversation`, async () => {
      await using started = await startRedis()
      const folder = place('servers', folderOf(name))
      const env = { GATEWAY: server.origin, REDIS: String(started.port) }
      await node(folder, ['bullmq.mjs', 'bullmq', `bullmq ${versions.bullmq}`], env)
      expectOwnKeys(50)
    })
  })
}

project('servers', 'llm-affinity/server', () => {
  it('has types that fit those of the frameworks', async () => {
    const folder = place('servers', folderOf('servers'))
    const compiler = join(folderOf('servers'), 'node_modules/typescript/lib/tsc.js')
    expect(await node(folder, [compiler, '-p', 'types'])).toBe('')
  })
})

// Every turn carries the key of its user's conversation; strangers' turns and side calls carry none.
function expectOwnKeys(conversations: number): void {
  const calls = server.requests.map((request) => {
    const [, what, of = '', by = ''] = /"(turn|side call) of (.+?) by ([^"]+)"/.exec(request.text()) ?? []
    const [namespace = '', id] = of.split(' / ')
    const session = id === undefined ? undefined : new Session(id, { namespace, secret: 'a secret of the test' })
    return { what, of, by, expected: what === 'turn' ? session?.key : undefined, key: keyOn(request) }
  })
  expect(calls.filter(({ expected, key }) => expected !== key)).toEqual([])
  const turns = calls.filter(({ what }) => what === 'turn')
  expect(turns.length).toBe(calls.length / 2)
  // One conversation in ten is a stranger's, and has no key.
  const counts = Map.groupBy(turns, ({ by }) => by)
  expect([...counts.values()].map((all) => new Set(all.map(({ key }) => key)).size)).toEqual(
    Array.from(counts, () => conversations - conversations / 10 + 1),
  )
}

project('tools', 'the other packages', () => {
  it('llm-affinity-testkit records a stamped call', async () => {
    const script = `
      import { affinityFetch, Session } from 'llm-affinity'
      import { startRecorder } from 'llm-affinity-testkit'
      await using server = await startRecorder()
      await affinityFetch({ session: new Session('conversation-42') })(server.origin)
      console.log(server.requests[0].header('x-session-id'))`
    expect(await node(folderOf('tools'), ['--input-type=module', '--eval', script])).toBe(`${KEY}\n`)
  })

  it('llm-affinity-testkit/vitest adds its matchers', async () => {
    const folder = place('matchers', folderOf('tools'))
    const vitest = join(folderOf('tools'), 'node_modules/vitest/vitest.mjs')
    await node(folder, [vitest, 'run'])
  })

  it('llm-affinity-doctor prints its help', async () => {
    const cli = join(folderOf('tools'), 'node_modules/llm-affinity-doctor/dist/cli.js')
    expect(await node(folderOf('tools'), [cli, '--help'])).toContain('Usage:')
  })
})

describe('docs/runtimes.md', () => {
  it('names the versions of the frameworks and bundlers that are run, and no others', () => {
    const page = readFileSync(new URL('../../docs/runtimes.md', import.meta.url), 'utf8')
    const [, table = ''] = page.split('## Bundlers and frameworks')
    const named = [...table.matchAll(/^\| ([a-z-]+) (\d[\d.]+\d)\b/gim)].map(([, name = '', version]) => [
      name.toLowerCase(),
      version,
    ])
    const run = names
      .filter((name) => !name.startsWith('servers'))
      .flatMap((name) => Object.entries(pinned[name]))
      .filter(([name]) => name !== 'jest-environment-jsdom' && !name.startsWith('@langchain/'))
    expect(named.toSorted()).toEqual(run.toSorted())
  })
})
