import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Session } from 'llm-affinity'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findCaddy } from '../examples/chat-app/caddy.ts'
import { type Received, type Running, replicasOf, startChatApp } from './support/chat-app.ts'

const path = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync)
const missing = [
  findCaddy() === undefined && 'Caddy is not installed (npm run gateways:install)',
  path === undefined && 'Chromium is not installed (on Debian: apt-get install chromium)',
].filter((why) => why !== false)
if (missing.length > 0) console.log(`The tests of the chat app in a browser are skipped: ${missing.join(', ')}`)

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const SECRET = 'known to the test'
const CONVERSATIONS = 5
const TURNS = 4

/** A conversation as the panel shows it. */
interface Row {
  readonly id: string
  readonly cached: number
  readonly marks: readonly { readonly kind: string; readonly pinned: boolean; readonly replica: string }[]
}

describe.skipIf(missing.length > 0)('the chat app in Chromium, before a real Caddy', () => {
  let app: Running
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let user: string
  const said: string[] = []
  beforeAll(async () => {
    app = await startChatApp(SECRET)
    browser = await chromium.launch({ executablePath: path ?? '', args: ['--no-sandbox'] })
    context = await browser.newContext()
    page = await context.newPage()
    page.on('console', (message) => said.push(message.text()))
    page.on('pageerror', (error) => said.push(String(error)))
    page.on('requestfailed', (request) => said.push(`${request.url()}: ${request.failure()?.errorText}`))
    await page.goto(app.origin)
    const [cookie] = await context.cookies()
    user = cookie?.value.split('.')[0] ?? ''
  })
  afterAll(async () => {
    await browser?.close()
    await app?.[Symbol.asyncDispose]()
  })

  /** Plays all conversations, and waits until the page shows every call of theirs. */
  async function play(): Promise<{ rows: readonly Row[]; received: readonly Received[] }> {
    const rows = await page.locator('#rows tr').count()
    const calls = app.received.length
    await page.locator('#play').click()
    // A compaction is the last call of each.
    const compactions = page.locator('#rows [data-kind="compaction"]')
    await expect.poll(() => compactions.count(), { timeout: 30_000 }).toBe(rows + CONVERSATIONS)
    await page.locator('#play:enabled').waitFor()
    return { rows: (await shown()).slice(0, CONVERSATIONS), received: app.received.slice(calls) }
  }

  /** Turns affinity on or off, and waits until the server knows. */
  async function turnAffinity(): Promise<void> {
    const known = page.waitForResponse((response) => response.url().endsWith('/api/affinity'))
    await page.locator('#affinity').click()
    expect((await known).status()).toBe(204)
  }

  /** The rows of the panel, the newest first. */
  async function shown(): Promise<Row[]> {
    const rows = await page.locator('#rows tr').all()
    return Promise.all(
      rows.map(async (row) => ({
        id: (await row.getAttribute('data-conversation')) ?? '',
        cached: Number.parseInt((await row.locator('.share').textContent()) ?? '', 10),
        marks: await row.locator('li').evaluateAll((marks) =>
          marks.map((mark) => ({
            kind: mark.getAttribute('data-kind') ?? '',
            pinned: mark.getAttribute('data-pinned') === 'true',
            replica: mark.closest('td')?.getAttribute('data-replica') ?? '',
          })),
        ),
      })),
    )
  }

  const sessionOf = ({ id }: Pick<Row, 'id'>) => new Session(id, { namespace: user, secret: SECRET })
  const placesOf = ({ marks }: Row, kind: string) => [
    ...new Set(marks.filter((mark) => mark.kind === kind).map(({ replica }) => replica)),
  ]
  const figures = (column: number) => page.locator(`#figures td:nth-child(${column})`).allTextContents()

  it('keeps each conversation on one replica, and its side calls off it', async () => {
    let played = await play()
    // Once in 81 times, chance puts all five conversations on the same replica.
    for (let again = 0; again < 3 && new Set(played.rows.flatMap((row) => placesOf(row, 'turn'))).size === 1; again++) {
      played = await play()
    }
    const { rows, received } = played

    expect(rows).toHaveLength(CONVERSATIONS)
    expect(new Set(rows.flatMap((row) => placesOf(row, 'turn'))).size).toBeGreaterThan(1)
    for (const row of rows) {
      const kinds = row.marks.map(({ kind, pinned }) => `${kind}${pinned ? ', pinned' : ''}`).toSorted()
      const turns = Array(TURNS).fill('turn, pinned')
      expect(kinds).toEqual(['compaction', 'research, pinned', 'research, pinned', 'title', ...turns])
      expect(placesOf(row, 'turn')).toHaveLength(1)
      expect(row.cached).toBeGreaterThan(75)
      // What the page shows is what the replicas have received.
      const session = sessionOf(row)
      expect(replicasOf(received, 'turn', session)).toEqual(placesOf(row, 'turn'))
      expect(replicasOf(received, 'research', session.child('research'))).toEqual(placesOf(row, 'research'))
    }

    const keysOf = (kind: string) => received.filter((each) => each.kind === kind).map(({ key }) => key)
    const repeated = (times: number, keys: readonly string[]) =>
      keys.flatMap((key) => Array(times).fill(key)).toSorted()
    const sessions = rows.map(sessionOf)
    const main = repeated(
      TURNS,
      sessions.map(({ key }) => key),
    )
    const children = repeated(
      2,
      sessions.map((session) => session.child('research').key),
    )
    expect(keysOf('turn').toSorted()).toEqual(main)
    expect(keysOf('research').toSorted()).toEqual(children)
    expect(keysOf('title')).toEqual(Array(CONVERSATIONS).fill(undefined))
    expect(keysOf('compaction')).toEqual(Array(CONVERSATIONS).fill(undefined))
    expect(new Set([...main, ...children]).size).toBe(2 * CONVERSATIONS)
    expect((await figures(2))[0]).toMatch(/^(\d+) of \1$/)
  })

  it('scatters the conversations once affinity is switched off, and loses their cache', async () => {
    const before = await shown()
    await turnAffinity()
    const { rows, received } = await play()
    expect(received).toHaveLength(CONVERSATIONS * (TURNS + 4))
    for (const { key } of received) expect(key).toBeUndefined()
    for (const { marks } of rows) for (const { pinned } of marks) expect(pinned).toBe(false)
    // That only one of them is scattered is one chance in a hundred thousand.
    expect(rows.filter((row) => placesOf(row, 'turn').length > 1).length).toBeGreaterThan(1)
    expect(mean(rows)).toBeLessThan(mean(before))
    const [places, cached] = await figures(3)
    expect(places).toMatch(/^\d+ of 15$/)
    expect(places).not.toBe('15 of 15')
    expect(Number.parseInt(cached ?? '', 10)).toBeLessThan(Number.parseInt((await figures(2))[1] ?? '', 10))
    await turnAffinity()
  })

  it('is written to, and lets no client choose the key', async () => {
    const calls = app.received.length
    await page.locator('#new').click()
    await page.locator('#text').fill('What is a replica?')
    await page.locator('#text').press('Enter')
    await page.locator('#messages .assistant').waitFor()
    await page.locator('#send:enabled').waitFor()
    expect(await page.locator('#messages .user').textContent()).toBe('What is a replica?')

    const [row = { id: '' }] = await shown()
    const url = `${app.origin}/api/conversations/${row.id}/turns`
    const headers = { 'x-session-id': 'chosen-by-the-client', 'x-litellm-session-id': 'chosen-by-the-client' }
    expect((await context.request.post(url, { headers, data: { text: 'Go on' } })).status()).toBe(202)
    const turns = () => app.received.slice(calls).filter(({ kind }) => kind === 'turn')
    await expect.poll(() => turns().length).toBe(2)
    for (const { key } of turns()) expect(key).toBe(sessionOf(row).key)

    const stranger = await browser.newContext()
    expect((await stranger.request.post(url, { data: { text: 'Hello' } })).status()).toBe(401)
    await stranger.request.get(app.origin)
    expect((await stranger.request.post(url, { data: { text: 'Hello' } })).status()).toBe(404)
    await stranger.close()
  })

  it.each([
    ['wide', 1280],
    ['narrow', 390],
  ])('%s, light and dark: nothing is cut off, and axe objects to nothing', async (_, width) => {
    await page.setViewportSize({ width, height: 900 })
    await page.evaluate(axe)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
      const found = await page.evaluate(
        'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html]))',
      )
      expect(found).toEqual([])
    }
  })

  it('has written nothing to the console, and no request has failed', () => {
    expect(said).toEqual([])
  })
})

const mean = (rows: readonly Row[]): number => rows.reduce((sum, { cached }) => sum + cached, 0) / rows.length
