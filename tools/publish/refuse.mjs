// Ends with 1 until the repository's address is filled in. `release` and each package's `prepublishOnly` run it.

import { repositoryAddress } from './address.mjs'

try {
  if (repositoryAddress() === undefined) {
    throw new Error(
      'Not published: the address of the repository is not filled in. Set "repository" in the package.json of the root, ' +
        'such as "https://github.com/OWNER/NAME". The packages and the links of their READMEs take it from there.',
    )
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
