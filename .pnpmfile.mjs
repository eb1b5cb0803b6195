// What pnpm writes into the package.json of a package when it packs it: where the repository is.

import { relative, sep } from 'node:path'
import { repositoryAddress, root } from './tools/publish/address.mjs'

export const hooks = {
  /** @type {(manifest: Record<string, unknown>, folder: string) => Record<string, unknown>} */
  beforePacking(manifest, folder) {
    const address = repositoryAddress()
    if (address === undefined) return manifest
    const directory = relative(root, folder).split(sep).join('/')
    return {
      ...manifest,
      homepage: `${address}/tree/HEAD/${directory}#readme`,
      bugs: `${address}/issues`,
      repository: { type: 'git', url: `git+${address}.git`, directory },
    }
  },
}
