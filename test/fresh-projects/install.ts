// Brings what fresh-projects.test.ts builds and runs: `npm run projects:install`.

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { projects } from '../ecosystem/packages.ts'
import { folderOf as clientsFolder, install as installProject } from '../ecosystem/run.ts'
import { redis } from '../support/redis.ts'
import { folderOf, names, type ProjectName, pinned, receiptOf, wanted } from './pinned.ts'

async function install(name: ProjectName): Promise<void> {
  const folder = folderOf(name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const manifest = JSON.stringify({ private: true, dependencies: wanted[name] })
  writeFileSync(join(folder, 'package.json'), manifest)
  const flags = ['--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error']
  await promisify(execFile)('npm', ['install', '--prefix', folder, ...flags])
  writeFileSync(receiptOf(name), manifest)
}

await redis.install().then(
  () => console.log(`Redis ${redis.version} is here: ${redis.find()}`),
  (error: unknown) => console.log(`Redis cannot be installed on this machine: ${error}`),
)
const [clients] = projects
if (clients !== undefined) {
  const why = await installProject(clients)
  if (why !== undefined) throw new Error(why)
  console.log(`SDK clients in ${clientsFolder(clients)}`)
}
// At the same time: npm waits for the network, and unpacks on one core.
await Promise.all(
  names.map(async (name) => {
    if (!existsSync(receiptOf(name))) await install(name)
    const versions = Object.entries(pinned[name]).map(([what, version]) => `${what} ${version}`)
    console.log(`${versions.join(', ')} in ${folderOf(name)}`)
  }),
)
