// What the tests install into projects outside of the workspace, and what docs/runtimes.md names. `.ts` that every Node
// of the workspace runs as it is: install.ts imports it.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export type Versions = Readonly<Record<string, string>>

const react = { react: '19.3.1', 'react-dom': '19.3.1' }

/** What docs/runtimes.md names, by project. */
export const pinned = {
  next15: { next: '15.5.29' },
  next16: { next: '16.4.6' },
  tools: {
    vite: '8.3.8',
    webpack: '5.112.2',
    esbuild: '0.28.2',
    jest: '30.5.2',
    'jest-environment-jsdom': '30.5.2',
    vitest: '5.1.1',
    jsdom: '31.0.1',
    'happy-dom': '21.0.4',
  },
  commonjs: { typescript: '5.9.3', 'ts-jest': '29.4.15' },
  langchain03: {
    '@langchain/core': '0.3.80',
    '@langchain/openai': '0.3.17',
    '@langchain/anthropic': '0.3.34',
    '@langchain/groq': '0.2.4',
    '@langchain/langgraph': '0.4.9',
  },
  langchain1: {
    '@langchain/core': '1.2.13',
    '@langchain/openai': '1.6.0',
    '@langchain/anthropic': '1.5.11',
    '@langchain/groq': '1.3.1',
    '@langchain/langgraph': '1.3.7',
  },
  servers: {
    express: '5.3.0',
    fastify: '5.12.8',
    koa: '3.3.0',
    hono: '4.13.19',
    '@hono/node-server': '2.1.8',
    '@nestjs/core': '12.5.1',
    '@nestjs/platform-fastify': '12.5.0',
    bullmq: '6.7.0',
  },
  'servers-old': {
    express: '4.17.3',
    fastify: '4.0.3',
    koa: '2.13.4',
    hono: '4.0.10',
    '@hono/node-server': '1.8.2',
    '@nestjs/core': '10.0.5',
    '@nestjs/platform-fastify': '10.0.5',
    bullmq: '5.0.0',
  },
} as const satisfies Record<string, Versions>

export type ProjectName = keyof typeof pinned
export const names = Object.keys(pinned) as ProjectName[]

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The packages that are packed and installed. */
export const packages = ['llm-affinity', 'testkit', 'doctor'].map((folder) => join(root, 'packages', folder))

/** The Nest of the project in CommonJS; projects with servers have others. */
export const NEST = '11.2.10'

/** What npm is asked for. What our packages depend on is in it, since they are unpacked without npm. */
export const wanted: Readonly<Record<ProjectName, Versions>> = {
  next15: { ...pinned.next15, ...react },
  next16: { ...pinned.next16, ...react },
  tools: { ...pinned.tools, '@babel/plugin-transform-modules-commonjs': '7.29.14', ...dependencies() },
  commonjs: {
    ...pinned.commonjs,
    '@nestjs/core': NEST,
    '@nestjs/common': NEST,
    '@nestjs/platform-express': NEST,
    'reflect-metadata': '0.2.2',
    rxjs: '7.8.2',
    jest: pinned.tools.jest,
    '@types/jest': '30.0.0',
    '@types/node': '24.19.2',
    '@opentelemetry/api': '1.10.0',
    ...dependencies(),
  },
  servers: {
    ...withNest(pinned.servers),
    typescript: pinned.commonjs.typescript,
    '@types/express': '5.0.6',
    '@types/koa': '3.0.3',
    '@types/node': '24.19.2',
  },
  'servers-old': withNest(pinned['servers-old']),
  langchain03: pinned.langchain03,
  langchain1: pinned.langchain1,
}

// Outside of the workspace, whose node_modules would serve what a project lacks. One for each clone and list of versions.
const base = join(tmpdir(), `llm-affinity-projects-${hashOf(root, wanted)}`)

/** Where a project is, installed or not. */
export function folderOf(name: ProjectName): string {
  return join(base, name)
}

/** Written when an install has come to its end. */
export function receiptOf(name: ProjectName): string {
  return join(folderOf(name), 'receipt.json')
}

// Nest's other packages, in the versions that belong together.
function withNest(versions: Versions & { readonly '@nestjs/core': string }): Versions {
  const nest = versions['@nestjs/core']
  const rest = { rxjs: '7.8.2', 'reflect-metadata': nest.startsWith('10.') ? '0.1.14' : '0.2.2' }
  return { ...versions, ioredis: '5.8.2', '@nestjs/common': nest, '@nestjs/platform-express': nest, ...rest }
}

function dependencies(): Versions {
  const all = packages.map(
    (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).dependencies ?? {},
  )
  const entries: [string, string][] = all.flatMap((each) => Object.entries<string>(each))
  return Object.fromEntries(entries.filter(([, version]) => !version.startsWith('workspace:')))
}

function hashOf(...values: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(values)).digest('hex').slice(0, 12)
}
