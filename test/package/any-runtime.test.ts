import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import { Session } from 'llm-affinity'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runNode } from '../support/child.ts'
import { recorder } from '../support/recorder.ts'
import { keysAt } from '../support/wire.ts'

// What is published, bundled under a condition that promises nothing, on a Node from which things are taken before it is
// imported. The id is one that has to be hashed.
const ID = 'conversation 42'
const program = `
  import { affinityFetch, runWithSession, Session } from 'llm-affinity'
  import * as gateways from 'llm-affinity/gateways'
  import * as learned from 'llm-affinity/learned'
  import * as undici from 'llm-affinity/undici'
  import * as usage from 'llm-affinity/usage'
  const { send, url, print } = globalThis.kept
  const session = new Session(${JSON.stringify(ID)})
  // A user-defined gateway, and a warning.
  const gateway = { name: 'mine', headers: ['x-session-id', 'x-litellm-session-id'] }
  new Session('')
  await affinityFetch({ session, fetch: send, gateway, use: new learned.LearnedState({ headers: ['x-token'] }) })(url)
  let scope
  try {
    await runWithSession(session, async () => {
      await null
      await affinityFetch({ fetch: send })(url)
    })
    scope = 'works'
  } catch (error) {
    scope = error.message
  }
  let random
  try {
    random = new Session().key.length
  } catch (error) {
    random = error.message
  }
  print(JSON.stringify({ entries: [gateways, learned, undici, usage].map((entry) => Object.keys(entry).length > 0), scope, random }))
`

const server = await recorder()
const folder = mkdtempSync(join(tmpdir(), 'llm-affinity-'))
const outfile = join(folder, 'program.mjs')

beforeAll(() => {
  buildSync({
    stdin: { contents: program, resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    logLevel: 'error',
  })
})
afterAll(() => rmSync(folder, { recursive: true }))

async function run(before: string): Promise<{ result: unknown; stderr: string }> {
  const kept = `globalThis.kept = { send: fetch, url: ${JSON.stringify(`${server.origin}/v1/models`)}, print: console.log }`
  const prelude = `data:text/javascript,${encodeURIComponent(`${kept}\n// Node makes its fetch at the first call.\nawait fetch('data:,')\n${before}`)}`
  const { stdout, stderr } = await runNode(['--import', prelude, outfile])
  return { result: stdout === '' ? stderr : JSON.parse(stdout), stderr }
}

const lacking = (...names: string[]): string => names.map((name) => `delete globalThis.${name}`).join('\n')
const throwing = (...names: string[]): string =>
  names.map((name) => `process.${name} = () => { throw new Error('not supported') }`).join('\n')
const KEY = new Session(ID).key
const NO_CONTEXT = expect.stringMatching(/^Expected a runtime with async context/)

describe('a bundle under no condition, on a runtime', () => {
  it.each([
    ['that lacks nothing', ''],
    [
      'whose process.getBuiltinModule throws, with AsyncLocalStorage as a global',
      `globalThis.AsyncLocalStorage = process.getBuiltinModule('node:async_hooks').AsyncLocalStorage\n${throwing('getBuiltinModule', 'emitWarning')}`,
    ],
    [
      'without TextEncoder, TextDecoder, structuredClone and crypto',
      lacking('TextEncoder', 'TextDecoder', 'structuredClone', 'crypto'),
    ],
    ['without URL.parse', lacking('URL.parse')],
    ['without fetch, Headers, Request and Response', lacking('fetch', 'Headers', 'Request', 'Response')],
    ['whose global object is frozen', 'Object.freeze(globalThis)'],
  ])('%s has a scope, hashed keys and random ones', async (_, before) => {
    const { result } = await run(before)
    expect(result).toEqual({ entries: [true, true, true, true], scope: 'works', random: 32 })
    expect(keysAt(server)).toEqual([KEY, KEY])
  })

  it.each([
    ['whose process.getBuiltinModule throws', throwing('getBuiltinModule', 'emitWarning')],
    ['without process', lacking('process')],
    ['without process.getBuiltinModule', lacking('process.getBuiltinModule')],
  ])('%s stamps for a bound session, and a scope is a TypeError', async (_, before) => {
    const { result } = await run(before)
    expect(result).toEqual({ entries: [true, true, true, true], scope: NO_CONTEXT, random: 32 })
    expect(keysAt(server)).toEqual([KEY])
  })

  it('without random values rejects a session without an id, and no other', async () => {
    const { result } = await run(lacking('crypto', 'process.getBuiltinModule'))
    expect(result).toMatchObject({ random: expect.stringMatching(/^Expected a runtime with crypto, got one without/) })
    expect(keysAt(server)).toEqual([KEY])
  })

  it('warns on the console if process.emitWarning throws', async () => {
    const { stderr } = await run(throwing('emitWarning'))
    expect(stderr).toContain('llm-affinity: a session has an empty id')
  })
})
