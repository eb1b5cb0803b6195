import { startConfigured } from '../support/configured.ts'
import { saysOnceMore } from '../support/process.ts'
import type { Program } from '../support/program.ts'
import { debian } from './debian.ts'

const unpacked = debian({ package: 'haproxy', binary: 'usr/sbin/haproxy', says: '-v', version: '2.6.12' })

export const haproxy: Program = {
  name: 'haproxy',
  gateway: 'haproxy',
  title: 'HAProxy',
  get version() {
    return unpacked.version
  },
  speaks: ['openai', 'anthropic'],
  find: unpacked.find,
  install: unpacked.install,
  start: (backends, options) =>
    startConfigured(
      {
        binary: unpacked.find() ?? '',
        page: 'haproxy',
        language: 'haproxy',
        file: 'haproxy.cfg',
        // A master and its worker: what can be reloaded.
        args: () => ['-W', '-f', 'haproxy.cfg'],
        env: () => unpacked.env,
        reload: (running) => saysOnceMore(running, 'Former worker', () => process.kill(running.pid, 'SIGUSR2')),
      },
      backends,
      options,
    ),
}
