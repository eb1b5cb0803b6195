// Brings the runtimes that runtimes.test.ts runs on: `npm run runtimes:install`.

import { execFileSync } from 'node:child_process'
import { installInto } from '../support/npm-folder.ts'
import { binaryOf, folder, names, pinned, wanted } from './pinned.ts'

if (names.some((name) => binaryOf(name) === undefined)) installInto(folder, wanted)

for (const name of names) {
  const said = execFileSync(binaryOf(name) ?? '', ['--version'], { encoding: 'utf8' })
  console.log(`${pinned[name].name} ${pinned[name].version} is here: ${said.split('\n')[0]}`)
}
