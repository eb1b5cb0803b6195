import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type RecordedRequest, type Recorder, type Step, startRecorder } from 'llm-affinity-testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { keyOn, keysAt, NAMES } from '../support/wire.ts'
import { binaryOf, pinned, type RuntimeName } from './pinned.ts'
import { type Probe, startBundle, startProgram, startWorker, stopAll } from './start.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const KEY = 'conversation-42'
const STATUSES = [301, 302, 303, 307, 308]
const FORMS = ['string', 'url', 'request', 'request and init', 'stream', 'request of a stream', 'no body']

// The last day before Workers got Node's modules without a flag, and the first after.
const FLAGGED = '2026-08-03'
const UNFLAGGED = '2026-08-04'

interface Runtime {
  readonly title: string
  readonly pinned?: RuntimeName
  start(binary: string): Probe | Promise<Probe>
  readonly undici?: 'none' | 'its own fetch only' | 'the platform’s fetch too'
  readonly program: boolean
}

const node = { start: startProgram, undici: 'the platform’s fetch too', program: true } as const
const worker = (date: string, flags: readonly string[]) =>
  ({ pinned: 'workerd', start: (binary: string) => startWorker(binary, date, flags), program: false }) as const

const runtimes: readonly Runtime[] = [
  { title: 'Node 22', pinned: 'node22', ...node },
  { title: 'Node 24', ...node },
  { title: 'Node 26', pinned: 'node26', ...node },
  { title: 'Bun', pinned: 'bun', start: startProgram, undici: 'none', program: true },
  {
    title: 'Deno',
    pinned: 'deno',
    start: (binary) => startProgram(binary, ['run', '--allow-all', '--no-lock']),
    undici: 'its own fetch only',
    program: true,
  },
  { title: 'Workers with nodejs_als', ...worker(FLAGGED, ['nodejs_als']) },
  { title: 'Workers with nodejs_compat', ...worker(FLAGGED, ['nodejs_compat']) },
  { title: 'Workers of a date that needs no flag', ...worker(UNFLAGGED, []) },
]

let home: Recorder
let foreign: Recorder
beforeAll(async () => {
  const built = existsSync(`${root}/packages/llm-affinity/dist/undici.js`)
  expect(built, 'the packages are built first: npm test does').toBe(true)
  home = await startRecorder()
  foreign = await startRecorder()
})
afterAll(() => Promise.all([stopAll(), home.close(), foreign.close()]))
beforeEach(() => {
  home.clear()
  foreign.clear()
})

interface Seen {
  readonly answer: { readonly error?: string; readonly redirected?: boolean; readonly url?: string }
  readonly wire: readonly Shape[]
}

interface Shape {
  readonly method: string
  readonly path: string
  readonly body: string
  readonly headers: readonly string[]
}

// All of a request but what we add to it, and the port, which no two servers share.
function shape(request: RecordedRequest): Shape {
  const headers = request.rawHeaders.map(([name, value]) => `${name.toLowerCase()}: ${value.replace(/:\d+$/, '')}`)
  return {
    method: request.method,
    path: request.path,
    body: request.text(),
    headers: without(headers, NAMES).toSorted(),
  }
}

function without(headers: readonly string[], names: readonly string[]): string[] {
  return headers.filter((line) => !names.some((name) => line.startsWith(`${name}:`)))
}

// The lengths are compared where a call is not redirected. Workers keep the type of a body that a redirect has dropped;
// the standard does not, and neither do we.
function routeOf({ wire }: Seen, runtime: Runtime): unknown {
  return wire.map(({ headers, ...request }) => {
    const dropped = [
      'content-length',
      'transfer-encoding',
      ...(!runtime.program && request.method === 'GET' ? ['content-type'] : []),
    ]
    return { ...request, headers: without(headers, dropped) }
  })
}

// Where a bare fetch gives up and ours, which follows by hand, does not: a Request does not tell that its body was a
// stream, of which we then hold a copy. Node's own fetch follows redirects itself.
function isBareAtALoss(runtime: Runtime, form: string, status: number): boolean {
  return form === 'request of a stream' && status !== 303 && !runtime.title.startsWith('Node')
}

describe.each(runtimes)('$title', (runtime) => {
  const binary = runtime.pinned === undefined ? process.execPath : binaryOf(runtime.pinned)
  if (binary === undefined) {
    const reason = `${runtime.title} is not installed: npm run runtimes:install`
    console.log(`skipped: ${reason}`)
    it.skip(reason)
    return
  }

  let probe: Probe
  beforeAll(async () => {
    probe = await runtime.start(binary)
  })
  afterAll(() => probe?.close())

  async function call(args: object, steps: readonly Step[] = []): Promise<Seen> {
    home.clear()
    foreign.clear()
    home.script(...steps)
    const answer = (await probe.run('call', { url: `${home.origin}/v1/x`, ...args })) as Seen['answer']
    return { answer, wire: [...home.requests, ...foreign.requests].map(shape) }
  }

  it('has async context: every callback runs in its own session', async () => {
    expect(await probe.run('context')).toEqual({
      await: KEY,
      timer: KEY,
      microtask: KEY,
      chained: KEY,
      thenable: KEY,
      all: `${KEY},${KEY}`,
      digest: KEY,
      nested: 'conversation-43',
      sideCall: null,
      generator: KEY,
      back: KEY,
      outside: null,
    })
  })

  it('makes the same keys as on other runtimes', async () => {
    expect(await probe.run('keys')).toEqual([
      '69c3de31e17ef2ac6a1d823b97998069',
      '22173d6936d235f019f7de63ae078ba2',
      expect.stringMatching(/^[0-9a-f]{32}$/),
    ])
  })

  describe.each(FORMS)('a call in the form: %s', (form) => {
    it('is stamped', async () => {
      await call({ form, affinity: false })
      expect(keysAt(home)).toEqual([undefined])
      await call({ form })
      expect(keysAt(home)).toEqual([KEY])
    })

    it('is not changed otherwise', async () => {
      const bare = await call({ form, affinity: false })
      expect(await call({ form })).toEqual(bare)
    })
  })

  it('is not stamped without a session, outside of it, and with an empty one', async () => {
    await probe.run('silent', { url: `${home.origin}/v1/models` })
    expect(keysAt(home)).toEqual([undefined, undefined, undefined])
  })

  it('stamps for a bound session, in no scope', async () => {
    await probe.run('bound', { home: home.origin })
    await probe.run('openaiBound', { home: home.origin })
    expect(keysAt(home)).toEqual([KEY, KEY, KEY])
  })

  it('keeps 100 concurrent conversations apart', async () => {
    const strangers = await probe.run('concurrent', { url: `${home.origin}/v1/x`, conversations: 100, turns: 3 })
    expect(strangers).toBe(0)
    expect(home.requests).toHaveLength(300)
    for (const request of home.requests) expect(request.json()).toEqual({ id: keyOn(request) })
  })

  it('patches its global fetch for what is named, and puts the old one back', async () => {
    const isBack = await probe.run('patch', { home: home.origin, foreign: foreign.origin })
    expect(isBack).toBe(true)
    expect(keysAt(home)).toEqual([KEY, undefined, undefined])
    expect(keysAt(foreign)).toEqual([undefined, undefined])
  })

  it('wraps an OpenAI client, its retries and streams too', async () => {
    home.script({ status: 500, body: '{}' })
    expect(await probe.run('openai', { home: home.origin })).toEqual({
      texts: ['Received and recorded.', 'Received and recorded.'],
      sameClass: true,
    })
    expect(keysAt(home)).toEqual([KEY, KEY, KEY, undefined, undefined])
  })

  it('reads usage however a stream is read, and does not change it', async () => {
    const usage = { prompt_tokens: 120, prompt_tokens_details: { cached_tokens: 100 } }
    const body = `: Grüße\n\ndata: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`
    home.script(...Array(14).fill({ status: 200, headers: { 'content-type': 'text/event-stream' }, body }))
    const seen = { isSame: true, usage: { promptTokens: 120, cachedTokens: 100 } }
    expect(await probe.run('usage', { url: home.baseURL })).toEqual({
      text: seen,
      bytes: seen,
      'for await': seen,
      reader: seen,
      pipe: seen,
      tee: seen,
      clone: seen,
    })
  })

  describe.each(STATUSES)('a %d', (status) => {
    it.each(FORMS)('goes where it would have gone, and the key only to named origins: %s', async (form) => {
      const away = `${foreign.origin}/elsewhere`
      for (const location of ['/elsewhere', away]) {
        const steps = [{ status, headers: { location } }]
        const bare = await call({ form, affinity: false }, steps)
        const ours = await call({ form }, steps)
        if (isBareAtALoss(runtime, form, status)) {
          expect(bare.answer).toEqual({ error: 'TypeError' })
          expect(ours.answer).toMatchObject({ redirected: true, url: new URL(location, home.origin).href })
        } else {
          expect(ours.answer, location).toEqual(bare.answer)
          expect(routeOf(ours, runtime), location).toEqual(routeOf(bare, runtime))
        }
        const hops = ours.answer.error === undefined ? 2 : 1
        expect(ours.answer.redirected).toBe(hops === 2 ? true : undefined)
        const isAway = hops === 2 && location === away
        expect(keysAt(home)).toEqual(isAway ? [KEY] : Array(hops).fill(KEY))
        expect(keysAt(foreign)).toEqual(isAway ? [undefined] : [])
      }
    })
  })

  it('stamps the hop of a redirect that leads back home', async () => {
    foreign.script({ status: 307, headers: { location: `${home.origin}/back` } })
    home.script({ status: 307, headers: { location: `${foreign.origin}/away` } })
    const answer = await probe.run('call', { url: `${home.origin}/v1/x`, form: 'string' })
    expect(answer).toMatchObject({ redirected: true, url: `${home.origin}/back` })
    expect([...keysAt(home), ...keysAt(foreign)]).toEqual([KEY, KEY, undefined])
  })

  it.each(['string', 'request', 'stream'])(
    'gives up when told to, on the first hop and on the second: %s',
    async (form) => {
      for (const steps of [
        [{ stall: 5_000 }],
        [{ status: 307, headers: { location: '/elsewhere' } }, { stall: 5_000 }],
      ]) {
        const told: unknown[] = []
        for (const affinity of [false, true]) {
          home.clear()
          home.script(...steps)
          told.push(await probe.run('aborted', { url: `${home.origin}/v1/x`, form, affinity }))
        }
        expect(told[1]).toEqual(told[0])
        expect(told[1]).toMatchObject({ soon: true })
      }
    },
  )

  if (runtime.program)
    it('shares its scope with what is required', async () => {
      expect(await probe.run('require')).toBe(KEY)
    })

  if (runtime.undici === 'none')
    it('has an undici of its own without `compose`', async () => {
      expect(await probe.run('undiciComposes')).toBe(false)
    })

  if (runtime.undici === undefined || runtime.undici === 'none') return

  // A process of its own for each: to import undici changes the platform's fetch on some Nodes.
  it.each([7, 8])('composes undici %d', async (major) => {
    const own = await runtime.start(binary)
    try {
      await own.run('undici', { major, home: home.origin, foreign: foreign.origin, conversations: 100 })
    } finally {
      await own.close()
    }
    const turns = home.requests.filter(({ method }) => method === 'POST')
    expect(turns).toHaveLength(100)
    for (const turn of turns) expect(turn.json()).toEqual({ id: keyOn(turn) })
    expect(home.requests.filter(({ method }) => method === 'GET').map(keyOn)).toEqual([undefined, KEY, KEY])
    expect(keysAt(foreign)).toEqual([runtime.undici === 'its own fetch only' ? undefined : KEY])
  })
})

describe('Workers of a date that needs a flag', () => {
  const binary = binaryOf('workerd')
  it.skipIf(binary === undefined)('start without one: a bound session is stamped, a scope is a TypeError', async () => {
    const probe = await startWorker(binary ?? '', FLAGGED, [])
    await probe.run('bound', { home: home.origin })
    expect(keysAt(home)).toEqual([KEY, KEY])
    await expect(probe.run('scope')).rejects.toThrow('TypeError: Expected a runtime with async context')
    await probe.close()
  })

  it.skipIf(binary === undefined)('have async context in a bundle for a browser, with nodejs_compat', async () => {
    const probe = await startWorker(binary ?? '', FLAGGED, ['nodejs_compat'], ['worker', 'browser'])
    expect(await probe.run('scope')).toBe(KEY)
    await probe.close()
  })
})

describe('a bundle for a browser that runs on Node', () => {
  it('has async context', async () => {
    const probe = await startBundle({ builtins: true })
    expect(await probe.run('scope')).toBe(KEY)
    await probe.close()
  })
})

describe('a bundle for a browser', () => {
  let probe: Probe
  beforeAll(async () => {
    probe = await startBundle({ builtins: false })
  })
  afterAll(() => probe?.close())

  it('stamps for a bound session', async () => {
    await probe.run('bound', { home: home.origin })
    await probe.run('openaiBound', { home: home.origin })
    expect(keysAt(home)).toEqual([KEY, KEY, KEY])
  })

  it('reports that there is no async context', async () => {
    await expect(probe.run('scope')).rejects.toThrow('TypeError: Expected a runtime with async context')
  })
})

describe('docs/runtimes.md', () => {
  const [page = ''] = readFileSync(`${root}/docs/runtimes.md`, 'utf8').split('## Bundlers and frameworks')

  it('names the versions that are run, and no others', () => {
    const named = [...page.matchAll(/^\| (\w+) (\d[\d.]+\d)\b/gm)].map(([, name, version]) => `${name} ${version}`)
    const run = [...Object.values(pinned), { name: 'Node', version: process.versions.node }]
    expect([...new Set(named)].toSorted()).toEqual(run.map(({ name, version }) => `${name} ${version}`).toSorted())
  })

  it('names the dates of Workers that are run', () => {
    expect(page).toContain(FLAGGED)
    expect(page).toContain(UNFLAGGED)
  })
})
