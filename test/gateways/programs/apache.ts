import { startConfigured } from '../support/configured.ts'
import type { Program } from '../support/program.ts'
import { debian } from './debian.ts'

const unpacked = debian({ package: 'apache2-bin', binary: 'usr/sbin/apache2', says: '-v', version: '2.4.71' })

const MODULES = [
  'mpm_event',
  'authz_core',
  'env',
  'headers',
  'slotmem_shm',
  'proxy',
  'proxy_http',
  'proxy_balancer',
  'lbmethod_byrequests',
]

const CONFIG = `ServerName gateway.test
Listen 127.0.0.1:4000
PidFile apache.pid
ErrorLog error.log

<Proxy "balancer://replicas">
  BalancerMember "http://127.0.0.1:9001" route=a
  BalancerMember "http://127.0.0.1:9002" route=b
  BalancerMember "http://127.0.0.1:9003" route=c
  ProxySet stickysession=ROUTEID
</Proxy>
Header add Set-Cookie "ROUTEID=.%{BALANCER_WORKER_ROUTE}e; path=/" env=BALANCER_ROUTE_CHANGED
ProxyPass "/" "balancer://replicas/"
`

/** Pins by a cookie of its own, or by a parameter of the URL. */
export const apache: Program = {
  name: 'apache',
  gateway: 'generic',
  // Not as the rows of the doctor begin: Debian brings new versions of it within a release, and those rows name no version.
  title: 'Apache HTTP Server',
  get version() {
    return unpacked.version
  },
  speaks: ['openai', 'anthropic'],
  find: unpacked.find,
  install: unpacked.install,
  start: (backends, options) => {
    const binary = unpacked.find() ?? ''
    const modules = binary.replace(/sbin\/apache2$/, 'lib/apache2/modules')
    const loads = MODULES.map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so\n`).join('')
    return startConfigured(
      {
        binary,
        config: `${loads}${CONFIG}`,
        file: 'httpd.conf',
        args: (folder) => ['-X', '-d', folder, '-f', 'httpd.conf'],
        env: () => unpacked.env,
      },
      backends,
      options,
    )
  },
}
