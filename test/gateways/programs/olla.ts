import { startConfigured } from '../support/configured.ts'
import type { Program } from '../support/program.ts'
import { go } from './go.ts'

const version = '0.0.26'
const built = go({ name: 'olla', module: 'github.com/thushan/olla', version, main: '.' })

export const olla: Program = {
  name: 'olla',
  gateway: 'olla',
  title: 'Olla',
  version,
  speaks: ['openai', 'anthropic'],
  // It pins on these routes only, and not on those of a provider, such as /olla/openai.
  basePath: { openai: '/olla/proxy', anthropic: '/olla/anthropic' },
  find: built.find,
  install: built.install,
  start: (backends, options) =>
    startConfigured(
      {
        binary: built.find() ?? '',
        page: 'olla',
        language: 'yaml',
        file: 'olla.yaml',
        args: () => ['--config', 'olla.yaml'],
        ready: knowsItsBackends,
      },
      backends,
      options,
    ),
}

interface Status {
  readonly routable_count: number
  readonly endpoints: readonly { readonly model_count: number }[]
}

// It answers before it has asked them for their models, and refuses the models that it does not know.
async function knowsItsBackends(origin: string): Promise<boolean> {
  const response = await fetch(`${origin}/internal/status/endpoints`, { signal: AbortSignal.timeout(2000) })
  const { routable_count, endpoints } = (await response.json()) as Status
  return routable_count === endpoints.length && endpoints.every(({ model_count }) => model_count > 0)
}
