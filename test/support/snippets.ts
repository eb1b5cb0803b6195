import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Ended, runNode } from './child.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
// The SDKs that a page shows are installed here, and the packages under test are linked as a user would have them.
const home = join(root, 'examples')

/** What pages call the gateway of their reader. */
const GATEWAY = 'http://gateway:4000'

/** One fenced block of a page. */
export interface Snippet {
  readonly language: string
  readonly code: string
  /** Where it stands on the page, for messages. */
  readonly line: number
}

/** The blocks of a page under the root of the repository, in order. */
export async function snippetsOf(page: string): Promise<Snippet[]> {
  const markdown = await readFile(join(root, page), 'utf8')
  return [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(({ 1: language = '', 2: code = '', index }) => ({
    language,
    code,
    line: markdown.slice(0, index).split('\n').length,
  }))
}

/** The tests, where the doctor is installed too. */
export const tests: string = join(root, 'test')

/** Runs a snippet as it stands, with the gateway at `origin`, and with what is installed in the folder `cwd`. */
export function runSnippet({ language, code }: Snippet, origin: string, cwd = home): Promise<Ended> {
  const type = language === 'ts' ? 'module-typescript' : 'module'
  return runNode([`--input-type=${type}`, '-'], { cwd, input: code.replaceAll(GATEWAY, origin) })
}

/** What the compiler says of TypeScript snippets, each a module of its own, against the packages as built. Empty: nothing. */
export async function typeErrorsIn(snippets: readonly Snippet[], from = home): Promise<string> {
  return inFolder(from, async (folder) => {
    const files = await Promise.all(
      snippets.map(async ({ code, line }) => {
        await writeFile(join(folder, `line-${line}.mts`), code)
        return `line-${line}.mts`
      }),
    )
    const compilerOptions = {
      noEmit: true,
      declaration: false,
      isolatedDeclarations: false,
      allowImportingTsExtensions: true,
    }
    const config = { extends: join(root, 'tsconfig.base.json'), compilerOptions, files }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const { code, stdout, stderr } = await runNode([join(root, 'node_modules/typescript/bin/tsc'), '-p', folder])
    return code === 0 ? '' : stdout + stderr
  })
}

/** What Node says of JavaScript that it only parses. Empty: nothing. */
export async function syntaxErrorIn({ code }: Snippet): Promise<string> {
  return inFolder(home, async (folder) => {
    await writeFile(join(folder, 'snippet.mjs'), code)
    return (await runNode(['--check', join(folder, 'snippet.mjs')])).stderr
  })
}

// Below the folder's own node_modules: imports resolve as they do there, and no other check sees the files.
async function inFolder<T>(from: string, fn: (folder: string) => Promise<T>): Promise<T> {
  const cache = join(from, 'node_modules/.cache')
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, 'snippets-'))
  try {
    return await fn(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}
