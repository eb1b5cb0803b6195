import { startConfigured } from '../support/configured.ts'
import { answers } from '../support/process.ts'
import type { Program } from '../support/program.ts'
import { go } from './go.ts'

const version = '7.2.140'
const built = go({
  name: 'cliproxyapi',
  module: 'github.com/router-for-me/CLIProxyAPI/v7',
  version,
  main: './cmd/server',
})

export const cliproxyapi: Program = {
  name: 'cliproxyapi',
  gateway: 'cliproxyapi',
  title: 'CLIProxyAPI',
  version,
  speaks: ['openai', 'anthropic'],
  find: built.find,
  install: built.install,
  start: (backends, options) =>
    startConfigured(
      {
        binary: built.find() ?? '',
        page: 'cliproxyapi',
        language: 'yaml',
        file: 'config.yaml',
        args: () => ['-config', 'config.yaml', '-local-model'],
        // A tenth of a second after it first answers it takes its credentials in again, and forgets which had failed.
        ready: async (origin, said) => said.includes('core auth auto-refresh started') && answers(origin)(),
        // Its credentials and its logs are below its home. It asks the network for versions of others' clients, and no
        // setting stops that; with a proxy that is not there, nothing leaves the machine. Loopback is never proxied.
        env: (folder) => ({ HOME: folder, HTTPS_PROXY: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9' }),
      },
      backends,
      options,
    ),
}
