// Installs the projects of the matrix outside of the workspace, with the packed packages, and runs their rows.

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { installPacked } from '../fresh-projects/packed.ts'
import type { Gateway, Received } from './gateway.ts'
import type { Project, Row } from './packages.ts'

const exec = promisify(execFile)
const FLAGS = [
  '--ignore-scripts',
  '--no-package-lock',
  '--no-audit',
  '--no-fund',
  '--loglevel=error',
  '--legacy-peer-deps',
]

/** One way of one row. */
export interface Cell {
  readonly row: Row
  readonly way: string
  readonly passed: boolean
  /** What the gateway received, and was wrong or missing. */
  readonly received: Received
  /** What the program failed with. */
  readonly error?: string
}

/** Where a project is installed. */
export function folderOf({ dependencies }: Project): string {
  const id = createHash('sha256').update(JSON.stringify(dependencies)).digest('hex').slice(0, 12)
  return join(tmpdir(), `llm-affinity-ecosystem-${id}`)
}

export function isInstalled(project: Project): boolean {
  return existsSync(join(folderOf(project), 'receipt.json'))
}

/** Installs what is missing. Returns why a project cannot be installed. */
export async function install(project: Project): Promise<string | undefined> {
  const folder = folderOf(project)
  if (!isInstalled(project)) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    const manifest = JSON.stringify({ private: true, type: 'module', dependencies: project.dependencies })
    writeFileSync(join(folder, 'package.json'), manifest)
    try {
      await exec('npm', ['install', '--prefix', folder, ...FLAGS], { maxBuffer: 1e8 })
    } catch (error) {
      return String(error instanceof Error ? error.message : error).slice(0, 500)
    }
    writeFileSync(join(folder, 'receipt.json'), manifest)
  }
  return undefined
}

/** Packs the workspace's packages and puts them into the projects, with the programs. */
export function installOurs(all: readonly Project[]): void {
  installPacked(all.map(folderOf))
  for (const project of all) {
    for (const file of ['drive.mjs', project.program]) {
      copyFileSync(fileURLToPath(new URL(`programs/${file}`, import.meta.url)), join(folderOf(project), file))
    }
  }
}

const { PATH, HOME, TMPDIR } = process.env
const CLEAN = { PATH, HOME, TMPDIR, NO_COLOR: '1', OPENAI_API_KEY: 'none', LANGCHAIN_TRACING_V2: 'false' }

/** Runs a row in all of its ways. */
export async function runRow(project: Project, row: Row, gateway: Gateway): Promise<readonly Cell[]> {
  const title = `${row.name} ${row.version} ${row.adapter}`
  const args = ['drive.mjs', `./${project.program}`, row.adapter, row.from ?? row.name, title]
  const env = { ...CLEAN, GATEWAY: gateway.origin }
  const told = await exec(process.execPath, args, { cwd: folderOf(project), env, timeout: 120_000 }).then(
    ({ stdout }) => ({ stdout, failure: undefined }),
    (error: { stdout?: string; stderr?: string; message: string }) => ({
      stdout: error.stdout ?? '',
      failure: (error.stderr || error.message).split('\n').find((line) => /\w*Error/.test(line)) ?? error.message,
    }),
  )
  const lines = told.stdout.split('\n').filter((line) => line.startsWith('{"way"'))
  const cells = lines.map((line): Cell => {
    const { way, turns = 0, error } = JSON.parse(line) as { way: string; turns?: number; error?: string }
    const received = gateway.of(`${title} | ${way}`)
    const isRight = received.wrong + received.missing + received.sideCallsStamped === 0
    const sideCalls = way === 'side calls' ? 50 : 0
    const isWhole = error === undefined && received.turns >= turns && received.sideCalls >= sideCalls
    return { row, way, received, passed: isRight && isWhole, ...(error !== undefined && { error }) }
  })
  if (told.failure === undefined) return cells
  const received: Received = { turns: 0, sideCalls: 0, wrong: 0, missing: 0, sideCallsStamped: 0 }
  return [...cells, { row, way: 'start', passed: false, received, error: told.failure.slice(0, 200) }]
}
