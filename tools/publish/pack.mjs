// Each package's `prepack` and `postpack`: puts LICENSE and a README that works on npm into the package, and takes them
// away. The package llm-affinity has the README of the root; the others have their own, which is put back.

import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { repositoryAddress, root } from './address.mjs'
import { withAbsoluteLinks } from './readme.mjs'

// pnpm and npm run a package's scripts in its folder.
const folder = process.cwd()
const readme = `${folder}/README.md`
// What is put back. A pack that was interrupted has left it.
const kept = `${folder}/.README.md.kept`
const isOfRoot = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')).name === 'llm-affinity'

if (process.argv[2] === 'prepack') prepack()
else postpack()

function prepack() {
  copyFileSync(`${root}/LICENSE`, `${folder}/LICENSE`)
  if (isOfRoot) {
    writeFileSync(readme, published(readFileSync(`${root}/README.md`, 'utf8'), root))
    return
  }
  const text = readFileSync(readme, 'utf8')
  const isInterrupted = existsSync(kept) && text === published(readFileSync(kept, 'utf8'), folder)
  if (!isInterrupted) copyFileSync(readme, kept)
  writeFileSync(readme, published(readFileSync(kept, 'utf8'), folder))
}

function postpack() {
  rmSync(`${folder}/LICENSE`, { force: true })
  if (isOfRoot) rmSync(readme, { force: true })
  else if (existsSync(kept)) renameSync(kept, readme)
}

/** @type {(text: string, from: string) => string} */
function published(text, from) {
  const address = repositoryAddress()
  return address === undefined ? text : withAbsoluteLinks(text, from, address)
}
