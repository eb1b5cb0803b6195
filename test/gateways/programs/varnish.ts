import { globSync } from 'node:fs'
import { startConfigured } from '../support/configured.ts'
import type { Program } from '../support/program.ts'
import { debian } from './debian.ts'

const unpacked = debian({ package: 'varnish', binary: 'usr/sbin/varnishd', says: '-V', version: '7.1.1' })

const CONFIG = `vcl 4.1;
import directors;

# Before 127.0.0.1:9001, 127.0.0.1:9002 and 127.0.0.1:9003.
backend a { .host = "127.0.0.1"; .port = "9001"; }
backend b { .host = "127.0.0.1"; .port = "9002"; }
backend c { .host = "127.0.0.1"; .port = "9003"; }

sub vcl_init {
  new replicas = directors.shard();
  replicas.add_backend(a);
  replicas.add_backend(b);
  replicas.add_backend(c);
  replicas.reconfigure();
}

sub vcl_recv {
  set req.backend_hint = replicas.backend(by=KEY, key=replicas.key(req.http.X-Session-Id));
  return (pass);
}
`

/** Hashes what its configuration says. It compiles that, for which the machine needs a C compiler. */
export const varnish: Program = {
  name: 'varnish',
  gateway: 'generic',
  title: 'Varnish',
  get version() {
    return unpacked.version
  },
  speaks: ['openai', 'anthropic'],
  find: unpacked.find,
  install: unpacked.install,
  start: (backends, { edit = (config: string) => config } = {}) => {
    // Its config has hosts and ports apart.
    const withPorts = (config: string): string =>
      backends.reduce((text, { origin }, at) => text.replaceAll(`"${9001 + at}"`, `"${new URL(origin).port}"`), config)
    const binary = unpacked.find() ?? ''
    const [vmods = ''] = globSync(binary.replace(/sbin\/varnishd$/, 'lib/*-linux-gnu/varnish/vmods'))
    return startConfigured(
      {
        binary,
        config: CONFIG,
        file: 'replicas.vcl',
        args: (folder, port) => [
          ...['-F', '-a', `127.0.0.1:${port}`, '-f', `${folder}/replicas.vcl`, '-n', `${folder}/work`],
          ...['-j', 'none', '-s', 'malloc,16m', '-p', `vmod_path=${vmods}`],
        ],
        env: () => unpacked.env,
      },
      backends,
      { edit: (config) => withPorts(edit(config)) },
    )
  },
}
