// What the matrix installs and runs. A project is one `npm install`; a package in several versions is installed under aliases.

/** One package in one version, used in one way. */
export interface Row {
  /** The name of the adapter, in programs/clients.mjs or programs/frameworks.mjs. */
  readonly adapter: string
  /** The package, as npm names it. */
  readonly name: string
  readonly version: string
  /** How it is used, where a package has several rows. */
  readonly as?: string
  /** The module that the adapter loads. Default: the alias of the package. */
  readonly from?: string
  /** Runs in `npm test` too. */
  readonly isQuick?: true
}

export interface Project {
  readonly name: string
  readonly program: 'clients.mjs' | 'frameworks.mjs'
  /** What is installed, by the name under which it is imported. */
  readonly dependencies: Readonly<Record<string, string>>
  readonly rows: readonly Row[]
}

const OPENAI = [
  '4.20.1',
  '4.40.2',
  '4.56.2',
  '4.72.0',
  '4.88.0',
  '4.104.0',
  '5.0.1',
  '5.23.2',
  '6.8.1',
  '6.49.0',
  '7.8.0',
  '7.57.0',
]
const ANTHROPIC = [
  '0.20.9',
  '0.24.3',
  '0.29.2',
  '0.36.3',
  '0.39.0',
  '0.55.1',
  '0.77.0',
  '0.100.1',
  '0.133.0',
  '1.6.0',
  '1.14.0',
]
const GROQ = ['0.3.3', '0.8.0', '0.14.0', '0.23.0', '0.36.0', '1.6.0']
const TOGETHER = ['0.6.0', '0.12.0', '0.22.0', '0.39.0', '0.52.0']
const CEREBRAS = ['1.3.0', '1.25.0', '1.91.0']
const UNDICI = ['7.16.0', '7.27.2', '8.0.0', '8.13.1']

const aliasOf = (name: string, version: string): string => `${name.replace(/^@/, '').replaceAll('/', '-')}-${version}`

function versions(adapter: string, name: string, all: readonly string[], more: Partial<Row> = {}): Row[] {
  return all.map((version) => ({ adapter, name, version, from: aliasOf(name, version), ...more }))
}

const clientRows: readonly Row[] = [
  ...versions('openai', 'openai', OPENAI),
  ...versions('openai responses', 'openai', ['4.104.0', '5.23.2', '6.49.0', '7.57.0'], { as: 'Responses' }),
  ...versions('openai fetch', 'openai', ['4.20.1', '7.57.0'], { as: '`affinityFetch`' }),
  ...versions('azure', 'openai', ['4.104.0', '6.49.0', '7.57.0'], { as: 'AzureOpenAI' }),
  ...versions('embeddings', 'openai', ['4.20.1', '7.57.0'], { as: 'embeddings' }),
  ...versions('anthropic', '@anthropic-ai/sdk', ANTHROPIC),
  ...versions('groq', 'groq-sdk', GROQ),
  ...versions('together', 'together-ai', TOGETHER),
  ...versions('cerebras', '@cerebras/cerebras_cloud_sdk', CEREBRAS),
  ...versions('ollama', 'ollama', ['0.5.18', '0.6.4']),
  ...versions('google', '@google/genai', ['1.2.0', '1.50.1', '2.29.1', '3.3.0']),
  ...versions('google old', '@google/generative-ai', ['0.24.1']),
  ...versions('mistral', '@mistralai/mistralai', ['1.7.5', '2.7.0']),
  ...versions('openrouter', '@openrouter/sdk', ['1.3.19']),
  ...versions('cohere', 'cohere-ai', ['7.20.0', '8.1.0']),
  ...versions('huggingface', '@huggingface/inference', ['4.13.30']),
  ...versions('bedrock', '@aws-sdk/client-bedrock-runtime', ['3.1164.0']),
  ...versions('undici', 'undici', UNDICI),
  ...versions('undici fetch', 'undici', ['7.16.0', '8.13.1'], { as: '`fetch`' }),
  ...versions('axios', 'axios', ['0.31.1', '1.5.1', '1.21.1']),
  ...versions('got', 'got', ['12.6.1', '14.1.0', '16.1.0']),
  ...versions('superagent', 'superagent', ['10.4.2']),
  ...versions('needle', 'needle', ['3.5.0']),
  ...versions('ky', 'ky', ['1.14.3', '2.1.0']),
  ...versions('node-fetch', 'node-fetch', ['2.7.0', '3.3.2']),
  ...versions('ofetch', 'ofetch', ['1.5.1']),
  ...versions('wretch', 'wretch', ['2.11.1', '3.0.9']),
]

/** The rows that `npm test` runs: the oldest and the newest version of the clients that most people have. */
const QUICK = new Set([
  'openai 4.20.1',
  'openai 7.57.0',
  '@anthropic-ai/sdk 0.20.9',
  '@anthropic-ai/sdk 1.14.0',
  'axios 1.21.1',
  'undici 8.13.1',
])

const clients: Project = {
  name: 'clients',
  program: 'clients.mjs',
  dependencies: {
    ...Object.fromEntries(clientRows.map(({ name, version }) => [aliasOf(name, version), `npm:${name}@${version}`])),
    '@smithy/node-http-handler': '4.14.2',
  },
  rows: clientRows.map((row) => {
    const isQuick = QUICK.has(`${row.name} ${row.version}`) && row.as === undefined
    return isQuick ? { ...row, isQuick } : row
  }),
}

const AI_SDK_PROVIDERS = ['openai-compatible', 'openai', 'anthropic', 'groq', 'mistral']
const ZOD = '4.6.7'

export const projects: readonly Project[] = [
  clients,
  aiSdk('4.3.19', '3.25.76', ['0.2.16', '1.3.9', '1.2.9', '1.2.9', '1.2.8']),
  aiSdk('5.0.277', ZOD, ['1.0.61', '2.0.130', '2.0.112', '2.0.56', '2.0.50']),
  aiSdk('6.0.326', ZOD, ['2.0.92', '3.0.141', '3.0.140', '3.0.67', '3.0.68']),
  aiSdk('7.0.173', ZOD, ['3.0.92', '4.0.118', '4.0.105', '4.0.84', '4.0.87']),
  ...['0.2.1', '0.8.5', '0.20.0'].map((version) =>
    framework('openai-agents', '@openai/agents', version, {
      openai: version === '0.20.0' ? '7.57.0' : version === '0.8.5' ? '6.49.0' : '5.23.2',
      zod: version === '0.2.1' ? '3.25.76' : ZOD,
    }),
  ),
  langChain('0.3.80', ['0.3.17', '0.3.34', '0.2.4']),
  langChain('1.2.13', ['1.6.0', '1.5.11', '1.3.1']),
  framework('mastra', '@mastra/core', '1.71.0', { '@ai-sdk/openai-compatible': '2.0.92', zod: ZOD }),
  framework('llamaindex', '@llamaindex/openai', '0.4.23', {
    '@llamaindex/core': '0.6.23',
    '@llamaindex/env': '0.1.31',
    zod: ZOD,
  }),
  framework('instructor', '@instructor-ai/instructor', '1.7.0', { openai: '4.104.0', zod: '3.25.76' }),
  framework('genkit', '@genkit-ai/compat-oai', '1.42.0', { genkit: '1.42.0' }),
  framework('strands', '@strands-agents/sdk', '1.19.0', {
    '@modelcontextprotocol/sdk': '1.32.2',
    '@opentelemetry/api': '1.10.0',
    openai: '6.49.0',
    zod: ZOD,
  }),
]

function framework(adapter: string, name: string, version: string, more: Readonly<Record<string, string>>): Project {
  const dependencies = { [name]: version, ...more }
  return { name: `${adapter}-${version}`, program: 'frameworks.mjs', dependencies, rows: [{ adapter, name, version }] }
}

function aiSdk(version: string, zod: string, providers: readonly string[]): Project {
  const installed = AI_SDK_PROVIDERS.map((name, i) => [`@ai-sdk/${name}`, providers[i] ?? ''] as const)
  return {
    name: `ai-${version}`,
    program: 'frameworks.mjs',
    dependencies: { ai: version, zod, ...Object.fromEntries(installed) },
    rows: [
      { adapter: 'ai-sdk patched', name: 'ai', version, as: '`patchGlobalFetch`' },
      ...installed.map(([name, own], i) => ({
        adapter: i === 0 ? 'ai-sdk' : `ai-sdk ${AI_SDK_PROVIDERS[i]}`,
        name,
        version: own,
      })),
    ],
  }
}

function langChain(core: string, [openai = '', anthropic = '', groq = '']: readonly string[]): Project {
  return {
    name: `langchain-${core}`,
    program: 'frameworks.mjs',
    dependencies: {
      '@langchain/core': core,
      '@langchain/openai': openai,
      '@langchain/anthropic': anthropic,
      '@langchain/groq': groq,
    },
    rows: [
      { adapter: 'langchain openai', name: '@langchain/openai', version: openai },
      { adapter: 'langchain embeddings', name: '@langchain/openai', version: openai, as: 'embeddings' },
      { adapter: 'langchain anthropic', name: '@langchain/anthropic', version: anthropic },
      { adapter: 'langchain groq', name: '@langchain/groq', version: groq },
    ],
  }
}
