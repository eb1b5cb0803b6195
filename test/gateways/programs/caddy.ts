import { command } from '../support/command.ts'
import { startConfigured } from '../support/configured.ts'
import type { Program } from '../support/program.ts'
import { debian } from './debian.ts'

const unpacked = debian({ package: 'caddy', binary: 'usr/bin/caddy', says: 'version', version: '2.6.2' })

export const caddy: Program = {
  name: 'caddy',
  title: 'Caddy',
  get version() {
    return unpacked.version
  },
  speaks: ['openai', 'anthropic'],
  find: unpacked.find,
  install: unpacked.install,
  start: (backends, options) => {
    const binary = unpacked.find() ?? ''
    // It keeps its last config and what it knows of certificates below its home.
    const env = (folder: string) => ({ ...unpacked.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder })
    const config = ['--config', 'Caddyfile']
    return startConfigured(
      {
        binary,
        page: 'caddy',
        language: 'caddyfile',
        file: 'Caddyfile',
        args: () => ['run', ...config],
        env,
        reload: async (_, folder) => {
          await command(binary, ['reload', ...config], { cwd: folder, env: env(folder) })
        },
      },
      backends,
      options,
    )
  },
}
