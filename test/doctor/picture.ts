// Makes the picture of docs/proof.md: a run before three replicas that need time for what they have not cached.
//
//   node test/doctor/picture.ts

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { run } from 'llm-affinity-doctor'
import { startBalancer, startReplica } from 'llm-affinity-testkit'
import { chromium } from 'playwright-core'

const picture = fileURLToPath(new URL('../../docs/doctor-report.png', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'doctor-'))
const file = join(folder, 'report.html')

const start = (name: string) => startReplica({ name, cacheTokens: 1_000_000, prefillMsPerToken: 0.1 })
const replicas = await Promise.all(['a', 'b', 'c'].map(start))
const gateway = await startBalancer({ targets: replicas, policy: { header: 'x-session-id' } })
await run(['--base-url', gateway.baseURL, '--model', 'm', '--report', file], {}, process)
await gateway.close()
await Promise.all(replicas.map((replica) => replica.close()))

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
})
const page = await browser.newPage({ viewport: { width: 900, height: 800 }, colorScheme: 'light' })
await page.goto(pathToFileURL(file).href)
await page.screenshot({ path: picture, fullPage: true })
await browser.close()
await rm(folder, { recursive: true })
