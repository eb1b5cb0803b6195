import { startConfigured } from '../support/configured.ts'
import { saysOnceMore } from '../support/process.ts'
import type { Program } from '../support/program.ts'
import { debian } from './debian.ts'

const unpacked = debian({ package: 'nginx', binary: 'usr/sbin/nginx', says: '-v', version: '1.22.1' })

export const nginx: Program = {
  name: 'nginx',
  gateway: 'nginx',
  title: 'nginx',
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
        page: 'nginx',
        language: 'nginx',
        file: 'nginx.conf',
        // With a second log beside the page's own, which tells when a reload is through.
        args: (folder) => ['-p', folder, '-c', 'nginx.conf', '-g', 'error_log stderr notice;'],
        env: () => unpacked.env,
        reload: (running) => saysOnceMore(running, 'exited with code 0', () => process.kill(running.pid, 'SIGHUP')),
      },
      backends,
      options,
    ),
}
