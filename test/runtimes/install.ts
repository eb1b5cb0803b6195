// Brings the runtimes that runtimes.test.ts runs on: `npm run runtimes:install`.

import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binaryOf, folder, names, pinned, receipt, wanted } from './pinned.ts'

if (names.some((name) => binaryOf(name) === undefined)) {
  mkdirSync(folder, { recursive: true })
  // Without a receipt, what an install that was broken off has left counts for nothing.
  rmSync(receipt, { force: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: wanted }))
  const flags = ['--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error']
  execFileSync('npm', ['install', '--prefix', folder, ...flags], { stdio: 'inherit' })
  writeFileSync(receipt, JSON.stringify(wanted))
}

for (const name of names) {
  const said = execFileSync(binaryOf(name) ?? '', ['--version'], { encoding: 'utf8' })
  console.log(`${pinned[name].name} ${pinned[name].version} is here: ${said.split('\n')[0]}`)
}
