// Where the repository is: the line `"repository"` of the root package.json, and nowhere else. It is empty until the
// owner fills it in. Plain JavaScript, since pnpm loads it whatever Node it runs on.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * @returns {string | undefined} The address, without a slash at its end; undefined where it is not filled in.
 * @throws {Error} Where it is not the address of a repository's page.
 */
export function repositoryAddress() {
  const { repository } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'))
  if (repository === '') return undefined
  if (typeof repository === 'string' && /^https:\/\/[\w.-]+\/[\w.-]+\/[\w.-]+(?<!\.git)$/.test(repository))
    return repository
  throw new Error(
    `Expected "repository" in package.json to be like "https://github.com/OWNER/NAME", got ${JSON.stringify(repository)}`,
  )
}
