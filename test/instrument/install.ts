// Brings the clients and the old Nodes of instrument's tests: a part of `npm run runtimes:install`.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installInto } from '../support/npm-folder.ts'
import { folder, isInstalled, wanted } from './packages.ts'

if (!isInstalled) {
  installInto(folder, wanted)
  // Imports from in here find the packages, by the conditions of an import.
  writeFileSync(join(folder, 'load.mjs'), 'export const load = (name) => import(name)\n')
}

for (const [name, version] of Object.entries(wanted)) console.log(`${name} is here: ${version}`)
