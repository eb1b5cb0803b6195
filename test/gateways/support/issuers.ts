// Real balancers, set up to hand out a cookie or a token, for what docs/state.md says.

import type { LearnedStateOptions } from 'llm-affinity/learned'
import { apache } from '../programs/apache.ts'
import { caddy } from '../programs/caddy.ts'
import { envoy } from '../programs/envoy.ts'
import { haproxy } from '../programs/haproxy.ts'
import { traefik } from '../programs/traefik.ts'
import type { Program } from './program.ts'

export interface IssuerSetUp {
  readonly title: string
  readonly program: Program
  readonly edit: (config: string) => string
  readonly learn: LearnedStateOptions
}

const same = (config: string): string => config

const haproxyCookie = (config: string): string =>
  config
    .replace(/balance hdr.*\n {2}hash-type consistent/, 'balance roundrobin\n  cookie SRV insert indirect nocache')
    .replace(/server (\w) (\S+)/g, 'server $1 $2 cookie $1')

// Envoy's filter for stateful sessions, before the router.
const envoySession = (name: string, state: string, member: string) => (config: string) =>
  config
    .replace(/( +)http_filters:\n/, (line, indent: string) => {
      const type = 'type.googleapis.com/envoy.extensions'
      const lines = [
        '  - name: envoy.filters.http.stateful_session',
        '    typed_config:',
        `      "@type": ${type}.filters.http.stateful_session.v3.StatefulSession`,
        '      session_state:',
        `        name: envoy.http.stateful_session.${name}`,
        '        typed_config:',
        `          "@type": ${type}.http.stateful_session.${name}.v3.${state}`,
        `          ${member}`,
      ]
      return line + lines.map((each) => `${indent}${each}\n`).join('')
    })
    .replace(/ +hash_policy:\n.*\n/, '')
    .replace('RING_HASH', 'ROUND_ROBIN')

// A service over two services, each level with a cookie of its own.
const twoLevels = (config: string): string => {
  const servers = [...config.matchAll(/url: \S+/g)].map(([url]) => `{ ${url} }`)
  const pool = (name: string, all: readonly string[]): string => `
    ${name}:
      loadBalancer:
        sticky: { cookie: { name: llm_server } }
        servers: [${all.join(', ')}]`
  const services = `services:
    llm:
      weighted:
        sticky: { cookie: { name: llm_pool } }
        services: [{ name: first, weight: 2 }, { name: second, weight: 1 }]`
  const head = config.slice(0, config.indexOf('services:'))
  return `${head}${services}${pool('first', servers.slice(0, 2))}${pool('second', servers.slice(2))}\n`
}

export const ISSUER_SET_UPS: readonly IssuerSetUp[] = [
  {
    title: 'Caddy, `lb_policy cookie`',
    program: caddy,
    edit: (config) => config.replace('lb_policy header X-Session-Id', 'lb_policy cookie lb'),
    learn: { cookies: ['lb'] },
  },
  { title: 'HAProxy, `cookie … insert`', program: haproxy, edit: haproxyCookie, learn: { cookies: ['SRV'] } },
  {
    title: 'HAProxy, `cookie … insert`, without `option redispatch`',
    program: haproxy,
    edit: (config) =>
      haproxyCookie(config)
        .replace(/ +option redispatch.*\n/, '')
        .replace(/ +default-server.*\n/, ''),
    learn: { cookies: ['SRV'] },
  },
  { title: 'Apache, `stickysession`', program: apache, edit: same, learn: { issuer: 'apache' } },
  {
    title: 'Traefik, `sticky.cookie`, without a health check',
    program: traefik,
    edit: (config) => config.replace(/healthCheck: .*/, ''),
    learn: { cookies: ['llm_backend'] },
  },
  { title: 'Traefik, two levels', program: traefik, edit: twoLevels, learn: { cookies: ['llm_pool', 'llm_server'] } },
  {
    title: 'Envoy, stateful session in a cookie',
    program: envoy,
    edit: envoySession('cookie', 'CookieBasedSessionState', 'cookie: { name: global-session-cookie, path: /v1 }'),
    learn: { cookies: ['global-session-cookie'] },
  },
  {
    title: 'Envoy, stateful session in a header',
    program: envoy,
    edit: envoySession('header', 'HeaderBasedSessionState', 'name: x-session-token'),
    learn: { headers: ['x-session-token'] },
  },
]
