import { readFileSync } from 'node:fs'
import { startConfigured } from '../support/configured.ts'
import type { Program } from '../support/program.ts'
import { pinsIn } from './pins.ts'
import { pypi } from './pypi.ts'

const packages = pinsIn('ray-serve/pins.txt')
const { find, install } = pypi({ folder: 'ray-serve', binary: 'python', packages })

const sourceOf = (file: string): string => readFileSync(new URL(`ray-serve/${file}`, import.meta.url), 'utf8')

export const rayServe: Program = {
  name: 'ray-serve',
  gateway: 'ray-serve',
  title: 'Ray Serve',
  version: packages.ray ?? '',
  onlyOnDemand: '470 MB',
  speaks: ['openai', 'anthropic'],
  find,
  install,
  start: (backends, options) =>
    startConfigured(
      {
        binary: find() ?? '',
        page: 'ray-serve',
        language: 'yaml',
        file: 'config.yaml',
        beside: { 'chat.py': sourceOf('chat.py'), 'run.py': sourceOf('run.py') },
        args: () => ['run.py'],
        // Its own ports are open to other machines: the token that it makes in its home keeps them out.
        env: (folder) => ({ HOME: folder, PYTHONPATH: folder, RAY_TMPDIR: folder, RAY_USAGE_STATS_ENABLED: '0' }),
        ready: async (_, said) => said.includes('All is deployed'),
        // Eight processes of Python import Ray.
        patience: 240_000,
      },
      backends,
      options,
    ),
}
