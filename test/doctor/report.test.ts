import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { startBalancer, startReplica } from 'llm-affinity-testkit'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { against, doctor } from './support/doctor.ts'

const path = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync)
if (path === undefined)
  console.log(
    'Chromium is not installed: the tests of the report in it are skipped. On Debian: apt-get install chromium',
  )

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
// What a backend may call itself, and what must never be read as a page.
const HOSTILE = '<img src=http://127.0.0.1:9/x onerror=alert(1)>'

const small = ['--conversations', '2', '--turns', '3', '--budget', '5000']

describe('the report', () => {
  let folder: string
  let file: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'doctor-'))
    file = join(folder, 'out.html')
    await using a = await startReplica({ name: 'a', cacheTokens: 1_000_000 })
    await using b = await startReplica({ name: HOSTILE, cacheTokens: 1_000_000 })
    await using gateway = await startBalancer({ targets: [a, b], policy: { header: 'x-session-id' } })
    let told = await doctor(against(gateway.baseURL, '--report', file))
    // Chance leaves a few runs in a hundred undecided.
    for (let again = 0; again < 3 && told.json().verdict === 'unknown'; again += 1) {
      told = await doctor(against(gateway.baseURL, '--report', file))
    }
    expect(told.json().verdict).toBe('sticky')
    expect(told.stderr.split('\n').slice(-2)).toEqual([`Report: ${file}`, ''])
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('is one file that names no other, and escapes what came from the network', () => {
    const page = readFileSync(file, 'utf8')
    expect(page).not.toMatch(/<script|<link(?! rel="icon" href="data:,")|@import|url\(|<iframe/i)
    expect(page).not.toMatch(/<[^>]*\b(src|href)=["']?(https?:)?\/\//i)
    expect(page).not.toContain('<img')
    expect(page).toContain('&lt;img src=http')
  })

  it('has the verdict on top, both grids as tables with headers, and the figures of each turn', () => {
    const page = readFileSync(file, 'utf8')
    expect(page).toMatch(/<h1>Affinity works: [^<]*<\/h1>/)
    expect(page.match(/<table class="grid">/g)).toHaveLength(2)
    expect(page.match(/<th scope="col">turn 4<\/th>/g)).toHaveLength(2)
    expect(page.match(/<th scope="row">6<\/th>/g)).toHaveLength(2)
    expect(page).toMatch(/<small class="hit">cached [789]\d %/)
    expect(page).toMatch(/<small class="missed">not cached/)
    expect(page).toMatch(/<dt>Base URL<\/dt><dd>http:\/\/127\.0\.0\.1:\d+\/v1<\/dd>/)
    expect(page).toMatch(/<code>npx llm-affinity-doctor --base-url /)
  })

  it('says that it cannot be written, before any call is made', async () => {
    await using replica = await startReplica({ name: 'a', cacheTokens: 1_000_000 })
    await writeFile(join(folder, 'a-file'), '')
    for (const [report, why] of [
      [join(folder, 'a-file', 'out.html'), /^The report cannot be written: (ENOTDIR|EEXIST)/],
      [folder, /^The report cannot be written: .* is a folder\.$/],
    ] as const) {
      const told = await doctor(against(replica.baseURL, ...small, '--report', report))
      expect(told.code).toBe(3)
      expect(told.json().error).toMatch(why)
    }
    expect(replica.counters().requests).toBe(0)
  })

  it('creates its folder', async () => {
    await using replica = await startReplica({ name: 'a', cacheTokens: 1_000_000 })
    const report = join(folder, 'new', 'folder', 'out.html')
    expect((await doctor(against(replica.baseURL, ...small, '--report', report))).code).toBe(2)
    expect(readFileSync(report, 'utf8')).toMatch(/^<!doctype html>/)
  })

  describe.skipIf(path === undefined)('in Chromium', () => {
    let browser: Browser
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: path ?? '', args: ['--no-sandbox'] })
    })
    afterAll(() => browser?.close())

    describe.each([
      ['wide', { width: 1280, height: 900 }],
      ['narrow', { width: 390, height: 844 }],
    ])('%s', (_, viewport) => {
      it.each(['light', 'dark'] as const)(
        '%s: no error, no request, nothing cut off, and nothing that axe objects to',
        async (colorScheme) => {
          const context = await browser.newContext({ viewport, colorScheme, bypassCSP: true })
          const page = await context.newPage()
          const said: string[] = []
          const requests: string[] = []
          page.on('console', (message) => said.push(message.text()))
          page.on('pageerror', (error) => said.push(String(error)))
          page.on('request', (request) => requests.push(request.url()))
          page.on('dialog', (dialog) => said.push(dialog.message()))
          const { href } = pathToFileURL(file)
          await page.goto(href)
          expect(await page.locator('h1').textContent()).toMatch(/^Affinity works/)
          expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
          const figures = 'document.querySelector("[aria-label=\'Figures of both arms\']")'
          expect(await page.evaluate(`${figures}.scrollWidth <= ${figures}.clientWidth`)).toBe(true)
          await page.locator('summary').click()
          await page.evaluate(axe)
          const found = await page.evaluate(
            'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html]))',
          )
          expect(found).toEqual([])
          expect(requests).toEqual([href])
          expect(said).toEqual([])
          await context.close()
        },
      )
    })

    it('has its tables reached by the keyboard, and is silent under its own policy too', async () => {
      const page = await browser.newPage()
      const said: string[] = []
      page.on('console', (message) => said.push(message.text()))
      await page.goto(pathToFileURL(file).href)
      const reached: (string | null)[] = []
      for (let tab = 0; tab < 4; tab++) {
        await page.keyboard.press('Tab')
        reached.push(await page.locator(':focus').getAttribute('aria-label'))
      }
      expect(reached).toEqual([
        'Figures of both arms',
        'Backend by turn, with the key',
        'Backend by turn, without the key',
        null,
      ])
      await page.keyboard.press('Enter')
      expect(await page.locator('details').getAttribute('open')).toBe('')
      expect(said).toEqual([])
      await page.close()
    })
  })
})
